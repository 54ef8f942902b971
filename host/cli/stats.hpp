// The outcome of a run as data: what --stats and --explain report.
#pragma once

#include <fd2/exit_status.hpp>

#include <optional>
#include <string>
#include <vector>

#include "capture/capture.hpp"
#include "cause/cause.hpp"
#include "channel/selection.hpp"
#include "cli/text_out.hpp"
#include "forward/options.hpp"
#include "process/holders.hpp"
#include "settings/rules.hpp"

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
    std::string flag_origin = "built-in";
    bool flag_counts = false;                   ///< it decides what this run does
    std::optional<settings::rule_result> rule;  ///< the one that applies
    std::string backend = "inherit";
    channel::channel_info info;  ///< without a medium where the child inherited our stderr
    std::uint64_t channel = 0;   ///< its number; 0 there
    std::string why_inherit;     ///< set exactly then
    bool fell_back = false;      ///< nothing was captured although that was planned
    std::vector<channel::attempt> attempts;
    std::vector<channel::hand_over> moves;  ///< of the running channel, in their order
    std::optional<capture::snapshot> record;
    std::uint64_t log_lines_lost = 0;  ///< meant for the log file, which does not have them
    std::string forward_mode = "raw";
    forward::counters forwarded;
    int forward_errno = 0;
    bool cut_short = false;
    bool followed = false;  ///< others' stderr was read on after the status had been returned
    std::optional<process::holders> held_by;
    exit_status exit = exit_status::lost(0);
    std::optional<cause::found_cause> cause;  ///< of a failure, where somebody asks for it
    pid_t pid = 0;
    run_times times;
};

/// One line of JSON with its newline, schema fd2.stats/1 (docs/stats.md). Allocates nothing.
void write_stats(const run_report& report, text_out& target) noexcept;

}  // namespace fd2::cli
