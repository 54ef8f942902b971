// The text of a configuration file: where its lines are, and whether it is text at all.
// Private to the room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "settings/origin.hpp"

namespace fd2::settings {

/// A line and a column, as in `origin`.
struct place {
    std::uint32_t line = 0;
    std::uint32_t column = 0;
};

/// Turns offsets into places. Ascending offsets cost linear time in all, however long the lines
/// are. Borrows `text` and `file`. [one thread]
class text_map {
  public:
    text_map(std::string_view text, std::string_view file);

    std::string_view text() const noexcept { return text_; }

    /// The place of the byte at `offset`; beyond the end: the end.
    place place_of(std::size_t offset) const;
    origin at(std::size_t offset) const;

    /// The file as a whole.
    origin whole() const;

  private:
    std::size_t characters_before(std::size_t start, std::size_t offset) const;

    std::string_view text_;
    std::string_view file_;
    std::vector<std::size_t> starts_;  ///< offset of each line
    // Where the last count ended: the next one on the same line goes on from there.
    mutable std::size_t counted_start_ = 0, counted_to_ = 0, counted_ = 0;
};

/// Takes a byte order mark off.
std::string_view without_mark(std::string_view text) noexcept;

/// Reports what a YAML parser should not see: other encodings, invalid UTF-8, control characters
/// (NUL), tabs in the indentation, directives. True if there was nothing to report. One pass.
bool is_clean(const text_map& source, report& out);

}  // namespace fd2::settings
