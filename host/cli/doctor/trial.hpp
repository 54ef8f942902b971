// What a run would do, done once; and what each backend really holds.
#pragma once

#include <cstdint>
#include <string>

#include "channel/selection.hpp"
#include "cli/doctor/finding.hpp"
#include "settings/settings.hpp"

namespace fd2::cli::doctor {

/// One run of a command that writes a line to its stderr.
struct trial {
    std::string backend;  ///< as report::would_use
    std::string why;      ///< where that is no backend
    std::vector<channel::attempt> attempts;
    std::optional<failure> command;  ///< why the command could not be started or waited for
    bool no_shell = false;           ///< `command` is that /bin/sh cannot be executed
    bool started = false;
    std::string ended;              ///< how, where it was not with status 0
    bool whole = false;             ///< the capture has what it wrote
    int pidfd = 0;                  ///< why the command had none
    std::uint64_t descriptors = 0;  ///< that a channel costs this process; 0: not known
    std::optional<failure> died;    ///< it crashed or hung, and nothing else is known
};

/// Selects as `fd2 run` does with these settings, and runs the command. [SIGCHLD is at its default]
trial try_a_run(const settings::settings& config, channel::backend_pool& pool);

/// Fills channels of the backend without reading them. Nothing where it cannot be opened.
backend_numbers measure(const std::string& backend, const settings::settings& config,
                        channel::backend_pool& pool);

}  // namespace fd2::cli::doctor
