// From a command and the settings to a running child, the same for every way to wait.
#pragma once

#include <fd2/exit_report.hpp>
#include <fd2/ssh_command.hpp>

#include <memory>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "library/host_state.hpp"
#include "library/record_state.hpp"
#include "library/running_list.hpp"
#include "run/run.hpp"

namespace fd2 {

struct launched {
    std::shared_ptr<record_state> record;  ///< never null
    std::unique_ptr<listed_child> listed;  ///< to be destroyed before the run
    unique_fd in;                          ///< writes to the child's stdin; none if that is no pipe
    unique_fd out;                         ///< reads from its stdout; likewise
};

/// The settings for the end of a run.
runs::end_policy end_policy_of(const settings::settings& config);

/// Checks the command, opens a channel for its stderr, hands it to those who subscribed before, and
/// starts it with the stdin and stdout that it wants. Those are pipes and not sockets: a bash whose
/// stdin is a socket assumes that rshd started it, and reads ~/.bashrc. `no_bell`, if given: why
/// the run cannot be woken, so that it gets no channel.
result<launched> launch(host_state& context, ssh_command& command,
                        settings::transport_kind transport, runs::run& machine,
                        const failure* no_bell = nullptr);

/// The report of a run that has an outcome.
exit_report report_of(const runs::run& machine, const std::shared_ptr<record_state>& record);

}  // namespace fd2
