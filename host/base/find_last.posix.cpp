#include "base/find_last.hpp"

#include <cstring>

namespace fd2 {

const void* find_last(const void* data, unsigned char byte, std::size_t size) noexcept {
    return ::memrchr(data, byte, size);
}

}  // namespace fd2
