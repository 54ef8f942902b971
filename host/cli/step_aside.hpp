// `enabled: false`: the command in place of fd2.
#pragma once

#include <string>

#include "cli/run.hpp"
#include "process/standard_fds.hpp"
#include "settings/load.hpp"

namespace fd2::cli {

/// What set `enabled` to false: "/etc/fd2/fd2.yaml:1:10 (enabled: false)", "the variable
/// FD2_DISABLE". Requires that it is false.
std::string disabled_by(const settings::loaded& loaded);

/// Executes the command in place of this process, which has changed nothing: 0, 1 or 2 are closed
/// again where `closed` says so. One warning before it, if options of this call ask for what only a
/// capture gives. Returns the exit status of a failure, which has been said: 125, 126, 127.
int step_aside(const run_options& options, const process::closed_at_start& closed,
               const settings::loaded& loaded);

}  // namespace fd2::cli
