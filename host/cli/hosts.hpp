// The commands that look at running hosts and change them: ps, tail, swap, reload, top.
#pragma once

#include <CLI/App.hpp>
#include <ostream>
#include <string>
#include <vector>

#include "cli/screen.hpp"

namespace fd2::cli {

struct host_options {
    std::vector<std::string> targets;  ///< PID or PID:CHANNEL
    std::string to;                    ///< --to BACKEND
    std::string count;                 ///< --lines
    std::string every;                 ///< --interval, in seconds
    bool back = false;
    bool all = false;
    bool watch = false;
    bool no_follow = false;
    bool json = false;
};

/// Adds the subcommands, with their help.
void add_host_commands(CLI::App& app, host_options& given);

/// Runs the one that was named; none: -1.
int run_host_command(const CLI::App& app, const host_options& given, const output_options& shown,
                     std::ostream& out);

}  // namespace fd2::cli
