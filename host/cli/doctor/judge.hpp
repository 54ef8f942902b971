// From what was seen to what is said of it. Nothing here asks the machine.
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

/// What to do about a failure of a backend or a system call. Never empty.
std::string way_out(const failure& why);

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
/// `why`: what is wrong with the options of a backend.
void judge_options(const failure& why, report& out);
/// `error`: why the configured file cannot be written; 0 if it can.
void judge_log(const settings::log_settings& with, int error, report& out);
void judge_directories(std::span<const loader::contents> found, report& out);
/// `listed`: a run would try it. `numbers` is of the same backend.
void judge_backend(const plugin_row& row, const backend_numbers& numbers, bool listed, report& out);
/// What the socket pair asked for and got.
void judge_socket_buffer(const plugin_row& row, const settings::settings& with,
                         const number& wmem_max, report& out);
/// Sets `out.would_use`. What was said of a backend before is not said again.
void judge_trial(const trial& seen, const std::vector<std::string>& list, report& out);
void judge_by_name(const trial& seen, std::span<const backend_numbers> all, report& out);

}  // namespace fd2::cli::doctor
