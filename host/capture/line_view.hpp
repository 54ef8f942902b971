// Lines as they come out of a stream: views of memory that somebody else is about to use again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace fd2::capture {

/// One line, or a piece of one, without its '\n'. The views live for the call only; the text is
/// `head` followed by `rest` (either may be empty).
struct line_view {
    std::string_view head;
    std::string_view rest;
    std::uint64_t number = 0;   ///< of the line within the stream, from 1; pieces share it
    std::int64_t time = 0;      ///< when its last byte came: nanoseconds since the epoch
    bool continued = false;     ///< an earlier piece of the same line came before
    bool continues = false;     ///< longer than the limit: a further piece follows
    bool unterminated = false;  ///< the stream ended without a '\n' after it

    std::size_t size() const noexcept { return head.size() + rest.size(); }
};

/// Whole lines, one behind the other as they came, each within the limit. The view lives for the
/// call only.
struct line_block {
    std::string_view text;    ///< every line with its '\n'
    std::uint64_t count = 0;  ///< of lines
    std::uint64_t first = 0;  ///< number of the first one
    std::int64_t time = 0;    ///< of all of them
};

}  // namespace fd2::capture
