// `fd2 run`: a transparent wrapper around one command.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/environment.hpp"
#include "process/inheritance.hpp"
#include "process/inherited_descriptors.hpp"
#include "process/standard_fds.hpp"

namespace fd2::cli {

/// What the process was given before anything of ours changed it.
struct process_start {
    process::inherited_state inherited;
    process::closed_at_start closed;
    process::inherited_descriptors descriptors;
};

struct run_options {
    common_options common;
    std::vector<std::string> command;  ///< argv of the child
    std::string program;               ///< what to execute, if not command[0]
    std::optional<std::string> link;   ///< the name that fd2 was called by, if not its own
    bool explicit_backend = false;     ///< --backend: that one or an error
    bool explain = false;
    std::string stats_file;
    std::optional<int> stats_fd;
    std::string tail_file;
};

/// Ends this process as the command ended, or returns the exit status of our own failure: 125, 126
/// (not executable), 127 (not found).
int run(const run_options& options, const process_start& start);

}  // namespace fd2::cli
