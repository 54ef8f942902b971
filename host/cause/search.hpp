// From what a command left behind to the cause of its failure. Nothing here waits, reads a file or
// knows the time: the same input has the same answer.
#pragma once

#include <fd2/exit_status.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "cause/rule.hpp"

namespace fd2::cause {

struct failed_run {
    std::span<const std::string> command;  ///< may be empty: unknown
    exit_status exit = exit_status::lost(0);
    std::string_view said;   ///< the end of its stderr
    bool cut = false;        ///< there was more before that: the first line may not be whole
    bool signalled = false;  ///< it was sent a signal that asks to end, as far as fd2 saw
    bool heard = true;       ///< false: nobody knows what it said, and `said` is empty
};

/// How much is looked at: this many of the last lines, and of each this many bytes.
inline constexpr std::size_t most_lines = 200;
inline constexpr std::size_t longest_line = 1000;

/// The cause. `own`: rules of the user, which come first. At most some milliseconds of work; a run
/// that was a success has the cause `unknown` without a rule.
found_cause find_cause(const failed_run& run, std::span<const rule> own = {},
                       std::span<const rule> built_in = built_in_rules());

}  // namespace fd2::cause
