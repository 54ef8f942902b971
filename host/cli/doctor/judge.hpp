// Turns what was seen into findings. Nothing here looks at the machine.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "cli/doctor/finding.hpp"
#include "cli/doctor/machine.hpp"
#include "cli/doctor/programs.hpp"
#include "cli/doctor/trial.hpp"
#include "cli/plugin_survey.hpp"
#include "settings/load.hpp"

namespace fd2::cli::doctor {

/// What to do about a failure of a backend or a system call: its own advice, or what its code and
/// errno suggest. Never empty.
std::string advice_for(const failure& why);

/// "WHAT (ENOENT)".
inline std::string with_errno(const std::string& what, int error) {
    return what + " (" + errno_name(error) + ")";
}

// The machine (judge_machine.cpp).
void judge_kernel(const machine& seen, report& out);
void judge_stderr(const machine& seen, report& out);
void judge_pipes(const machine& seen, report& out);
/// `backend` is what a run would use, `descriptors` what each of its channels costs a process.
void judge_limits(const limits& seen, const std::string& backend, std::uint64_t descriptors,
                  report& out);
/// `wanted`: whether the list in force has a backend that needs it.
void judge_loopback(int error, bool wanted, report& out);
void judge_programs(const program& fd2, const program& ssh, const program& rsync, report& out);

// fd2 itself (judge_setup.cpp).
void judge_configuration(const settings::loaded& loaded, report& out);
/// What is wrong with the options of a backend. A run fails because of it only if it tries that
/// backend.
void judge_options(std::span<const settings::diagnostic> wrong, report& out);
/// `error`: why the configured file cannot be written; 0 if it can.
void judge_log(const settings::log_settings& config, int error, report& out);
/// The same of report.file.
void judge_report(const settings::report_settings& config, int error, report& out);
void judge_directories(std::span<const channel::contents> found, report& out);
/// `listed`: a run would try it. `numbers` is of the same backend.
void judge_backend(const plugin_row& row, const backend_numbers& numbers, bool listed, report& out);
/// What the socket pair asked for and got.
void judge_socket_buffer(const plugin_row& row, const settings::settings& config,
                         const number& wmem_max, report& out);
/// Sets `out.would_use`. What was reported about a backend before is not reported again.
void judge_trial(const trial& seen, const std::vector<std::string>& list, report& out);
void judge_by_name(const trial& seen, std::span<const backend_numbers> all, report& out);

}  // namespace fd2::cli::doctor
