// Which part of a line a piece is.
#pragma once

#include <cstdint>

namespace fd2 {

/// A line longer than `capture.max-line` comes in pieces: a first one, any number of middle ones
/// and a last one, all with the same number.
enum class line_piece : std::uint8_t { whole, first, middle, last };

/// Whether a further piece of the same line follows.
constexpr bool more_follows(line_piece is) noexcept {
    return is == line_piece::first || is == line_piece::middle;
}

}  // namespace fd2
