// How large a terminal is.
#pragma once

#include <cstdint>

namespace fd2 {

/// In characters and in pixels.
struct terminal_size {
    std::uint16_t rows = 0;
    std::uint16_t columns = 0;
    std::uint16_t width = 0;
    std::uint16_t height = 0;
};

}  // namespace fd2
