// What a run was like, as data: the report behind --stats and --explain.
#pragma once

#include <fd2/exit_status.hpp>

#include <optional>
#include <string>

#include "capture/capture.hpp"
#include "channel/selection.hpp"
#include "forward/options.hpp"
#include "process/holders.hpp"

namespace fd2::cli {

/// Times on the monotonic clock; 0: did not happen.
struct run_times {
    std::int64_t started_wall = 0;  ///< nanoseconds since the epoch
    nanoseconds_t started = 0;
    nanoseconds_t exited = 0;
    nanoseconds_t finished = 0;
};

struct run_report {
    std::vector<std::string> command;
    std::string transport;
    bool flag = false;
    std::string backend = "inherit";
    std::string medium;  ///< empty where the child inherited our stderr
    std::string why_inherit;
    fd2_info info{};
    channel::fallback_trail trail;
    std::optional<capture::snapshot> record;
    std::string forward_mode = "raw";
    forward::counters forwarded;
    int forward_errno = 0;
    bool cut_short = false;
    std::optional<process::holders> held_by;
    exit_status exit = exit_status::lost(0);
    pid_t pid = 0;
    run_times times;
};

/// One line of JSON with its newline, schema fd2.stats/1 (docs/stats.md).
std::string stats_json(const run_report& report);

}  // namespace fd2::cli
