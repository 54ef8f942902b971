// The usual program: it has none, and loads them all. See cmake/fd2-static-plugins.cmake.
#include "channel/linked_plugins.hpp"

namespace fd2::channel {

std::span<const linked_plugin> linked_plugins() noexcept {
    return {};
}

}  // namespace fd2::channel
