// A rule: which line or status means what.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "cause/cause.hpp"

namespace fd2::cause {

/// Statuses as a rule names them: exit codes from `first` to `last`, or signals, which are negative
/// here (SIGKILL: -9). All signals: `any_signal`.
struct status_range {
    int first = 0, last = 0;
};

inline constexpr int last_code = 255;
inline constexpr status_range any_signal{-64, -1};

/// One entry of a file of causes (docs/why.md has what each member means). Refers to the text of
/// whoever made it: that of the program, or of a `rule_file`.
struct rule {
    std::string_view id;
    kind is = kind::unknown;
    std::string_view tool;      ///< whose message it is; `any` and `shell` are nobody's name
    std::string_view versions;  ///< where it was seen
    std::span<const std::string_view> lines;  ///< patterns, one of which a line must match
    std::span<const std::string_view> with;   ///< and one of these some line, if there are any
    int own_status = -1;                      ///< of the command, if that is the tool
    std::span<const status_range> statuses;   ///< of the command, whatever it is
    bool silent = false;                      ///< only if nothing but noise was said
    bool passed_on = false;                   ///< only after a signal that fd2 passed on
    bool result = false;                      ///< follows from other failures
    confidence sure = confidence::high;
    std::string_view next;  ///< `{1:HOST}` stands for the first hole of the line (advice.hpp)
};

/// What the program brings along: config/causes.yaml.
std::span<const rule> built_in_rules() noexcept;

}  // namespace fd2::cause
