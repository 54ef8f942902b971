// Patterns of lines: text with holes.
//
// `*` stands for any text, also none; `\*` and `\\` for the characters themselves; everything else
// for itself. A pattern is held against the whole line.
//
// Why not regular expressions: a message is a printf format, so literals with holes say all there
// is to say, and brackets, dots and parentheses, of which messages are full, need no escapes. And a
// match takes no memory, no recursion, and at most as many steps as pattern times line, which are
// counted: whatever the remote host writes, the work is bounded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace fd2::cause {

/// Steps that may still be made. At 0 nothing matches any more.
struct work {
    std::uint64_t left = 0;
};

bool matches(std::string_view pattern, std::string_view line, work& budget) noexcept;

/// What the holes of a pattern that matches stand for, each as short as it can be; the last one
/// takes the rest.
std::vector<std::string_view> holes(std::string_view pattern, std::string_view line);

/// How many holes a pattern has.
std::size_t hole_count(std::string_view pattern);

/// What is wrong with a pattern: the offset of it, and why.
struct pattern_mistake {
    std::size_t offset = 0;
    std::string_view message;
    std::string_view advice;
};

/// Nothing is wrong with most.
std::optional<pattern_mistake> mistake_in(std::string_view pattern) noexcept;

}  // namespace fd2::cause
