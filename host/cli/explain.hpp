// The report of a run in words.
#pragma once

#include <string>
#include <string_view>

#include "cli/stats.hpp"

namespace fd2::cli {

/// Some lines, each beginning with "fd2: ": which backend and why, what arrived, how it ended, who
/// holds it.
std::string explain(const run_report& report);

/// "fd2: TEXT" and a newline; wrapped where our stderr is a terminal.
std::string line_of_ours(std::string_view text);

}  // namespace fd2::cli
