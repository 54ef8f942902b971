// The report of a run in words.
#pragma once

#include <string>

#include "cli/stats.hpp"

namespace fd2::cli {

/// Some lines, each beginning with "fd2: ": which backend and why, what arrived, how it ended, who
/// holds it.
std::string explain(const run_report& report);

}  // namespace fd2::cli
