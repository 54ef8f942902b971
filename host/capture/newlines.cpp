#include "capture/newlines.hpp"

#include "capture/newline_lanes.hpp"

namespace fd2::capture {

std::uint64_t count_newlines(const std::uint8_t* data, std::size_t size) noexcept {
    return count_in_lanes<lanes_16>(data, size);
}

}  // namespace fd2::capture
