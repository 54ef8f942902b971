// The name that was probably meant.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace fd2::settings {

/// The candidate closest to `written`: fewest insertions, deletions, replacements and swaps of
/// neighbours, case and '_' for '-' being free. None if nothing is close (more than a third of the
/// letters differ). The first of equals wins. Time is bounded for any `written`.
std::optional<std::string_view> nearest(std::string_view written,
                                        std::span<const std::string_view> candidates);

/// The advice for a name that is none of `candidates`: `did you mean "tail"?`, or the list of
/// them (`valid here: tail, max-line`).
std::string suggest(std::string_view written, std::span<const std::string_view> candidates);

}  // namespace fd2::settings
