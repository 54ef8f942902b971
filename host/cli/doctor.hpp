// `fd2 doctor`: what works on this machine, and what to do about the rest.
#pragma once

#include <ostream>

#include "cli/environment.hpp"
#include "process/standard_fds.hpp"

namespace fd2::cli::doctor {

/// Looks at the machine and the settings, makes a run, and prints what is wrong, with advice.
/// Nothing goes to stderr, which may be what is broken. 0, or 1 if there is a problem.
int examine(const common_options& given, const process::closed_at_start& closed,
            const output_options& shown, std::ostream& out);

}  // namespace fd2::cli::doctor
