#include <string_view>

#include "base/find_last.hpp"

namespace fd2 {

const void* find_last(const void* data, unsigned char byte, std::size_t size) noexcept {
    const std::string_view bytes(static_cast<const char*>(data), size);
    const std::size_t at = bytes.rfind(static_cast<char>(byte));
    return at == bytes.npos ? nullptr : bytes.data() + at;
}

}  // namespace fd2
