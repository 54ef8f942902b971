// One child process: its number, its pidfd, its end.
#pragma once

#include <fd2/exit_status.hpp>

#include <sys/types.h>
#include <unistd.h>

#include <mutex>
#include <optional>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace fd2::process {

/// The child was stopped by a signal, or continued after a stop.
struct job_event {
    int stopped_by = 0;  ///< the signal; 0: continued
};

/// Owns a child until its end has been collected. One thread at a time, except kill(). Movable;
/// what was moved from owns nothing and fails with errc::state. So does the copy in a fork of this
/// process: it neither signals the child nor waits for it.
///
/// The destructor does not leave a running child behind: it is put_down(). It never throws. An
/// owner that wants anything gentler, or wants to know, does so before.
class child {
  public:
    /// How long the end may take after a SIGKILL that the kernel accepted: it takes longer only
    /// where a system call of the child hangs (a dead file server).
    static constexpr nanoseconds_t kill_patience = 10 * second;

    /// Takes over a child that nobody has waited for, with the pidfd it was born with; without one
    /// it is asked for here.
    /// `group`, if given, is what ends the child when this process ends (Windows: a job).
    explicit child(pid_t pid, unique_fd pidfd = {}, unique_fd group = {}) noexcept;
    child(child&& other) noexcept;
    child& operator=(child&& other) noexcept;
    ~child() { end(); }

    pid_t pid() const noexcept { return pid_; }

    /// On Windows the handle of the process, which is signalled by its end.
    ///
    /// Readable from the child's end on, silent about stops; close-on-exec; stays open until the
    /// destructor. -1 where there is none: no descriptor was free (EMFILE, ENFILE), or the kernel
    /// has no pidfds (ENOSYS). Then the only way to wait is one without a deadline, on a thread.
    int pidfd() const noexcept { return fd_.get(); }
    /// Why pidfd() is -1; 0 otherwise.
    int pidfd_errno() const noexcept { return pidfd_errno_; }
    /// Asks again for a pidfd, where there is none: descriptors may have become free. The kernel
    /// cannot confuse the child with another one, because it has not been collected.
    status ensure_pidfd();

    /// The end, if it has come: without waiting.
    /// Errors: `state` when the end has been collected before.
    result<std::optional<exit_status>> try_wait();

    /// Waits for the end and collects it. A failure of the wait itself is the status `lost`.
    /// Errors: `timedout` at the absolute deadline (the child is untouched); `state` when the end
    /// has been collected before; where a finite deadline meets a child without a pidfd, what
    /// ensure_pidfd says.
    result<exit_status> wait(nanoseconds_t deadline = never);

    /// The end, once it has been collected.
    const std::optional<exit_status>& ended() const noexcept { return ended_; }

    /// The newest stop or continuation that was not asked for yet. An end is left for wait().
    std::optional<job_event> job_change() noexcept;

    /// Sends a signal. Never hits another process, and succeeds without an effect on a child that
    /// has ended but has not been collected. After that: ESRCH. On Windows, which has no signals,
    /// it fails. [any thread]
    status kill(int signal);

    /// Tells it that its terminal has another size: SIGWINCH, where there is one. [any thread]
    void tell_new_size() noexcept;

    /// Ends the child whatever it does: SIGKILL; on Windows with status 1. Otherwise like kill().
    /// [any thread]
    status kill_now();

    /// Kills the child (kill_now) and collects it. If that is refused (the child now runs as
    /// another user), or the child has not ended after kill_patience, the child is disowned, and
    /// the error says why. [may block for kill_patience]
    status put_down();

    /// Gives the child up without touching it: nobody signals or collects it any more.
    void disown() noexcept;

  private:
    bool owned() const noexcept;
    failure not_owned(const char* operation) const;
    int open_pidfd() noexcept;
    int take_end(bool waiting) noexcept;
    bool is_gone() const noexcept;
    exit_status collect() noexcept;
    void lose(int why) noexcept;
    result<bool> ends_before(nanoseconds_t deadline);
    int send(int signal) noexcept;
    int end_now() noexcept;
    void end() noexcept;

    unique_fd fd_;
    unique_fd group_;
    std::mutex collecting_;  // of the child's number: a kill by number must not meet the collection
    pid_t pid_;
    pid_t parent_ = ::getpid();
    int pidfd_errno_ = 0;
    std::optional<exit_status> ended_;
};

}  // namespace fd2::process
