// Continues this process, which is stopped together with its child, when somebody continues or ends
// the child alone. A stopped process cannot watch, so a second one does.
#pragma once

#include <sys/types.h>

#include "base/unique_fd.hpp"
#include "process/child.hpp"
#include "process/guarded_stack.hpp"

namespace fd2::process {

/// Runs from the constructor to the destructor, which ends and collects the second process.
///
/// That one shares the descriptor table of this process, so it holds nothing open by itself; it is
/// in a process group of its own, so a stop of the job leaves it alone; it has no exit signal, so
/// there is no SIGCHLD when it ends; and it dies with this process. Only its parent is told that a
/// child was continued, and here the parent is stopped: so the second process reads /proc/PID/stat
/// ten times a second for as long as the stop lasts. It learns of the child's end at once, from the
/// pidfd.
///
/// Without /proc, memory or another process there is no watch, and only a SIGCONT to this process
/// or its group continues it. [one thread; not to be forked across]
class stop_watch {
  public:
    explicit stop_watch(const child& stopped) noexcept;
    ~stop_watch();
    stop_watch(const stop_watch&) = delete;
    stop_watch& operator=(const stop_watch&) = delete;

    /// The second process, the sender of its SIGCONT; 0 where there is none.
    pid_t pid() const noexcept { return pid_; }

  private:
    unique_fd state_;
    guarded_stack stack_;
    pid_t pid_ = 0;
};

}  // namespace fd2::process
