#include "process/child.hpp"

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <limits>
#include <string>

namespace fd2::process {
namespace {

// <sys/wait.h> has P_PIDFD from glibc 2.36 on; the number is the kernel's (5.4).
constexpr auto by_pidfd = static_cast<idtype_t>(3);

// __WALL: a child that is killed between clone and exec has no exit signal yet (see spawn) and
// would not be found otherwise.
int wait_id(idtype_t kind, int number, siginfo_t& info, int flags) noexcept {
    int done;
    do {
        info = {};
        done = ::waitid(kind, static_cast<id_t>(number), &info, flags | __WALL);
    } while (done < 0 && errno == EINTR);
    return done;
}

// By number where the pidfd does not work: before Linux 5.4, under a seccomp filter, and for a wait
// that is to block although an event loop has made the pidfd non-blocking. Until the child is
// collected, no other process can get its number.
int wait_for(pid_t pid, int pidfd, siginfo_t& info, int flags) noexcept {
    if (pidfd >= 0) {
        const int done = wait_id(by_pidfd, pidfd, info, flags);
        if (done == 0 || errno == ECHILD) return done;
    }
    return wait_id(P_PID, pid, info, flags);
}

exit_status status_of(const siginfo_t& info) noexcept {
    if (info.si_code == CLD_EXITED) return exit_status::exited(info.si_status);
    return exit_status::signalled(info.si_status, info.si_code == CLD_DUMPED);
}

exit_status status_of(int raw) noexcept {
    if (WIFEXITED(raw)) return exit_status::exited(WEXITSTATUS(raw));
    return exit_status::signalled(WTERMSIG(raw), WCOREDUMP(raw));
}

}  // namespace

// 0 or an errno, which is kept.
int child::open_pidfd() noexcept {
    const long fd = ::syscall(SYS_pidfd_open, pid_, 0u);  // close-on-exec by itself
    pidfd_errno_ = fd >= 0 ? 0 : errno;
    if (fd >= 0) fd_.reset(static_cast<int>(fd));
    return pidfd_errno_;
}

/// Collects the end if it has come, or waits for it. 0 or the errno of a wait that failed.
int child::take_end(bool waiting) noexcept {
    const std::lock_guard lock(collecting_);
    siginfo_t info;
    if (wait_for(pid_, fd_.get(), info, waiting ? WEXITED : WEXITED | WNOHANG) == 0) {
        if (info.si_pid != 0) ended_ = status_of(info);
        return 0;
    }
    int raw = 0;
    pid_t got;
    do got = ::waitpid(pid_, &raw, waiting ? __WALL : __WALL | WNOHANG);
    while (got < 0 && errno == EINTR);
    if (got > 0) ended_ = status_of(raw);
    return got < 0 ? errno : 0;
}

// Whether the child has ended, as far as that can be told without a wait.
bool child::is_gone() const noexcept {
    pollfd end{fd_.get(), POLLIN, 0};
    return fd_ ? ::poll(&end, 1, 0) > 0 : ::kill(pid_, 0) != 0 && errno == ESRCH;
}

// Blocks until the end. After a readable pidfd that takes no time, unless a tracer holds the child.
exit_status child::collect() noexcept {
    // Without collecting at first: kill() from another thread must not wait for the lock.
    siginfo_t info;
    if (wait_for(pid_, fd_.get(), info, WEXITED | WNOWAIT) != 0 && fd_) {
        pollfd end{fd_.get(), POLLIN, 0};
        while (::poll(&end, 1, -1) < 0 && errno == EINTR) {
        }
    }
    if (const int why = take_end(true)) lose(why);
    return *ended_;
}

result<bool> child::ends_before(nanoseconds_t deadline) {
    for (;;) {
        pollfd end{fd_.get(), POLLIN, 0};
        const int left = poll_timeout(deadline, now());
        const int count = ::poll(&end, 1, left);
        if (count > 0) return true;
        if (count < 0 && errno != EINTR) {
            return system_failure("poll", "child " + std::to_string(pid_), errno);
        }
        // The kernel has waited; a clock that stands still (libfaketime) must not make it endless.
        if (count == 0 && left != std::numeric_limits<int>::max()) return false;
    }
}

std::optional<job_event> child::job_change() noexcept {
    if (!owned()) return std::nullopt;
    siginfo_t info;
    if (wait_for(pid_, fd_.get(), info, WSTOPPED | WCONTINUED | WNOHANG) != 0) return std::nullopt;
    if (info.si_pid == 0) return std::nullopt;
    return job_event{info.si_code == CLD_CONTINUED ? 0 : info.si_status};
}

// 0 or an errno.
int child::send(int signal) noexcept {
    if (parent_ != ::getpid()) return ESRCH;
    if (fd_) {
        if (::syscall(SYS_pidfd_send_signal, fd_.get(), signal, nullptr, 0u) == 0) return 0;
        if (errno == ESRCH) return ESRCH;
    }
    // A filter may know kill(2) alone (old container profiles). By number it is safe only while the
    // number is the child's: until it is collected.
    const std::lock_guard lock(collecting_);
    if (pid_ <= 0 || ended_) return ESRCH;
    return ::kill(pid_, signal) == 0 ? 0 : errno;
}

void child::tell_new_size() noexcept {
    (void)send(SIGWINCH);
}

// 0 or an errno.
int child::end_now() noexcept {
    return send(SIGKILL);
}

}  // namespace fd2::process
