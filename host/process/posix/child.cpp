#include "process/child.hpp"

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <string>
#include <utility>

#include "process/signal_set.hpp"

namespace fd2::process {
namespace {

// <sys/wait.h> has P_PIDFD from glibc 2.36 on; the number is the kernel's (5.4).
constexpr auto by_pidfd = static_cast<idtype_t>(3);

std::string name_of_child(pid_t pid) {
    return "child " + std::to_string(pid);
}

failure not_owned(pid_t pid) {
    return {errc::state, 0, "wait: " + name_of_child(pid) + ": its end was collected before"};
}

// __WALL: a child that is killed between clone and exec has no exit signal yet (see spawn) and
// would not be found otherwise.
int wait_id(pid_t pid, int pidfd, siginfo_t& info, int flags) noexcept {
    flags |= __WALL;
    int done;
    do {
        info = {};
        done = pidfd >= 0 ? ::waitid(by_pidfd, static_cast<id_t>(pidfd), &info, flags)
                          : ::waitid(P_PID, static_cast<id_t>(pid), &info, flags);
    } while (done < 0 && errno == EINTR);
    return done;
}

exit_status status_of(const siginfo_t& info) noexcept {
    if (info.si_code == CLD_EXITED) return exit_status::exited(info.si_status);
    return exit_status::signalled(info.si_status, info.si_code == CLD_DUMPED);
}

}  // namespace

child::child(pid_t pid, unique_fd pidfd) noexcept : fd_(std::move(pidfd)), pid_(pid) {
    if (!fd_) open_pidfd();
}

child::child(child&& other) noexcept
    : fd_(std::move(other.fd_)),
      pid_(std::exchange(other.pid_, 0)),
      pidfd_errno_(other.pidfd_errno_),
      ended_(std::exchange(other.ended_, std::nullopt)) {}

child& child::operator=(child&& other) noexcept {
    if (this != &other) {
        end();
        fd_ = std::move(other.fd_);
        pid_ = std::exchange(other.pid_, 0);
        pidfd_errno_ = other.pidfd_errno_;
        ended_ = std::exchange(other.ended_, std::nullopt);
    }
    return *this;
}

// 0 or an errno, which is kept.
int child::open_pidfd() noexcept {
    const long fd = ::syscall(SYS_pidfd_open, pid_, 0u);  // close-on-exec by itself
    pidfd_errno_ = fd >= 0 ? 0 : errno;
    if (fd >= 0) fd_.reset(static_cast<int>(fd));
    return pidfd_errno_;
}

status child::ensure_pidfd() {
    if (fd_) return {};
    if (!owned()) return not_owned(pid_);
    if (const int why = open_pidfd()) {
        return system_failure("pidfd_open", name_of_child(pid_), why);
    }
    return {};
}

// Blocks until the end. After a readable pidfd that takes no time, unless a tracer holds the child.
exit_status child::collect() noexcept {
    siginfo_t info;
    // An event loop may have made the pidfd non-blocking; then waitid(2) does not wait.
    while (wait_id(pid_, fd_.get(), info, WEXITED) != 0) {
        pollfd end{fd_.get(), POLLIN, 0};
        if (errno == EAGAIN && (::poll(&end, 1, -1) >= 0 || errno == EINTR)) continue;
        return *(ended_ = exit_status::lost(errno));
    }
    return *(ended_ = status_of(info));
}

result<std::optional<exit_status>> child::try_wait() {
    if (!owned()) return not_owned(pid_);
    siginfo_t info;
    if (wait_id(pid_, fd_.get(), info, WEXITED | WNOHANG) != 0) {
        ended_ = exit_status::lost(errno);
    } else if (info.si_pid != 0) {
        ended_ = status_of(info);
    }
    return ended_;
}

result<exit_status> child::wait(nanoseconds_t deadline) {
    if (!owned()) return not_owned(pid_);
    if (deadline == never) return collect();
    auto ready = ensure_pidfd();
    if (!ready) return std::move(ready).error();
    for (;;) {
        pollfd end{fd_.get(), POLLIN, 0};
        const int count = ::poll(&end, 1, poll_timeout(deadline, now()));
        if (count > 0) return collect();
        if (count < 0 && errno != EINTR) {
            return system_failure("poll", name_of_child(pid_), errno);
        }
        if (count == 0 && now() >= deadline) {
            return failure{errc::timedout, ETIMEDOUT,
                           "wait: " + name_of_child(pid_) + ": still running at the deadline"};
        }
    }
}

std::optional<job_event> child::job_change() noexcept {
    if (!owned()) return std::nullopt;
    siginfo_t info;
    if (wait_id(pid_, fd_.get(), info, WSTOPPED | WCONTINUED | WNOHANG) != 0) return std::nullopt;
    if (info.si_pid == 0) return std::nullopt;
    return job_event{info.si_code == CLD_CONTINUED ? 0 : info.si_status};
}

// 0 or an errno.
int child::send(int signal) noexcept {
    if (fd_) {
        return ::syscall(SYS_pidfd_send_signal, fd_.get(), signal, nullptr, 0u) == 0 ? 0 : errno;
    }
    // By number it is safe only while the number is ours.
    if (!owned()) return ESRCH;
    return ::kill(pid_, signal) == 0 ? 0 : errno;
}

status child::kill(int signal) {
    if (const int why = send(signal)) {
        return system_failure("kill with " + signal_name(signal), name_of_child(pid_), why);
    }
    return {};
}

void child::end() noexcept {
    if (!owned()) return;
    send(SIGKILL);
    collect();
}

}  // namespace fd2::process
