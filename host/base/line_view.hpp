// A line of a child's stderr, lent by whoever split it.
#pragma once

#include <fd2/line_piece.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fd2 {

/// One line, or a piece of one, without its '\n'. The text is `head` followed by `rest` (either may
/// be empty) in memory that somebody else is about to use again: who hands it over says for how
/// long it is valid.
struct line_view {
    std::string_view head;
    std::string_view rest;
    std::uint64_t number = 0;  ///< of the line within the stream, from 1; pieces share it
    std::int64_t time = 0;     ///< when its last byte came: nanoseconds since the epoch
    line_piece piece = line_piece::whole;
    bool unterminated = false;  ///< the stream ended without a '\n' after it

    std::size_t size() const noexcept { return head.size() + rest.size(); }
};

}  // namespace fd2
