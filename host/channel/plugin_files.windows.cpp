#include "channel/plugin_files.hpp"

namespace fd2::channel {

const std::string_view plugin_suffix = ".dll";

// Trusted is who may administer the machine, and the user (base/trust.windows.cpp).
bool belongs_to_root(const opened_plugin&, trust_source source) {
    return source == trust_source::verified;
}

}  // namespace fd2::channel
