// What the configuration makes a run leave behind: a line in report.file, the tail in tail.file,
// and the run's record in the log file.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "cli/console.hpp"
#include "cli/late_output.hpp"
#include "cli/stats.hpp"
#include "settings/load.hpp"

namespace fd2::cli {

/// Whether `report` is one that `on` asks for; docs/stats.md has the conditions.
bool is_reported(settings::report_policy on, const run_report& report) noexcept;

/// What the placeholders of tail.file stand for.
struct path_values {
    pid_t pid = 0;                    ///< %p, of fd2
    std::string command;              ///< %c, the last part of argv[0]
    std::optional<std::string> host;  ///< %h, as ssh's command line names it; `-` for none
    std::int64_t started = 0;         ///< %t, in nanoseconds since the epoch: 20261129T155634Z
};

/// `pattern` with its placeholders replaced; `%%` is a percent sign. No value can lead to another
/// directory or hide the file: a `/`, a control character and a dot at its beginning become `_`.
std::string expand_placeholders(std::string_view pattern, const path_values& values);

/// Adds `line`, which ends in a newline, to a regular file, created with mode 0600: whole, or not
/// at all, and after those of other processes that do the same now. Each holds flock(2) while it
/// writes; it is waited for for `waiting.stall`, unless `waiting.serve` says to stop. If the file
/// ends inside a line (its writer was killed), that one is ended first.
status append_line(const std::string& path, std::string_view line, const patience& waiting);

/// Leaves what `config` asks for; does nothing, and no system call, where that is nothing. What
/// cannot be written is lost, and `watch` is told. `tail`: the tail's parts.
void leave_reports(const run_report& report, const settings::loaded& config,
                   std::span<const std::string_view> tail, const patience& waiting,
                   console& watch) noexcept;

}  // namespace fd2::cli
