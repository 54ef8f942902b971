// A run that goes on after its status has been returned (finish.writers-remain: follow).
//
// `ssh -f host command` exits once it has authenticated; a process of its own goes on, with the
// same stderr. Our caller waits for the process that it started, and wants the status at that
// moment; but somebody has to go on reading, and threads do not survive a fork. So a run that may
// have to is split before it has any: a second process does all of it, and the one that the caller
// knows only passes signals on and waits to be told the status.
//
//     caller ── fd2 (stands in: signals, status) ── fd2 (the run) ── ssh ── ssh, in the background
//               ends when ssh has ended             stays, in a session of its own, to end of file
#pragma once

#include <fd2/exit_status.hpp>

#include <sys/types.h>

#include <utility>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "cli/run.hpp"

namespace fd2::cli {

class background_run {
  public:
    /// Splits this process and returns in the one that does the run. The other one does not come
    /// back: it ends as it is told, or as the run does. A failure leaves the process as it was.
    /// [before any thread is made]
    static result<background_run> begin(const process_start& start);

    /// The parent of the process that stands in, for signal_relay: it may be a shell, which sees
    /// that process stop.
    pid_t seen_by() const noexcept { return seen_by_; }

    /// Returns the status and goes on alone, as after daemon(3): in a session of its own, a child
    /// of no process here. Standard input and output are the caller's business.
    void stay(exit_status status) noexcept;

    /// Returns the status, unless that was done, and ends this process.
    [[noreturn]] void end(exit_status status) noexcept;

  private:
    background_run(unique_fd pipe, pid_t seen_by) noexcept
        : pipe_(std::move(pipe)), seen_by_(seen_by) {}
    void tell(exit_status status, bool stays) noexcept;

    unique_fd pipe_;  // the one that stands in; closed once it has been told
    pid_t seen_by_;
};

}  // namespace fd2::cli
