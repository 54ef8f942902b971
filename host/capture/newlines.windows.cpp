#include "capture/lines.hpp"

namespace fd2::capture {

// gcc keeps vectors of 32 bytes on the stack as if it were aligned for them, which it is not on
// 64-bit Windows (gcc's bug 54412): the program crashes when one is spilled.
std::uint64_t count_newlines(const std::uint8_t* data, std::size_t size) noexcept {
    return count_newlines_narrow(data, size);
}

}  // namespace fd2::capture
