// Built without sanitizers, and the second process with bare system calls: their run-time must not
// be entered in a copy of a process that may have had other threads.
#include "process/stop_watch.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdio>
#include <string_view>

#include "process/kernel_signals.hpp"
#include "process/uninstrumented_clone.hpp"

namespace fd2::process {
namespace {

constexpr long look_again_ns = 100'000'000;

struct watched {
    int pidfd;  ///< of the child; -1: none
    int state;  ///< its /proc/PID/stat
    pid_t us;   ///< who is stopped with it
};

/// What follows the command's name in /proc/PID/stat: "T 123 ..."; empty once it is collected. The
/// name may hold anything, parentheses too.
std::string_view after_name(int fd, char (&text)[512]) noexcept {
    if (::syscall(SYS_lseek, fd, 0L, SEEK_SET) != 0) return {};
    const long size = ::syscall(SYS_read, fd, text, sizeof text);
    for (long at = size - 1; at >= 0; --at) {
        if (text[at] != ')' || at + 2 >= size) continue;
        return {text + at + 2, static_cast<std::size_t>(size - at - 2)};
    }
    return {};
}

/// T: stopped, t: stopped and held by a tracer.
bool is_stopped(int state) noexcept {
    char text[512];
    const std::string_view line = after_name(state, text);
    return !line.empty() && (line[0] == 'T' || line[0] == 't');
}

[[noreturn]] void leave() noexcept {
    for (;;) ::syscall(SYS_exit_group, 0);
}

// Goes on after it has sent a SIGCONT, which may have come just before the stop. The process that
// was continued ends this one.
int watch_main(void* argument) noexcept {
    const watched& what = *static_cast<const watched*>(argument);
    ::syscall(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    pollfd end{what.pidfd, POLLIN, 0};
    for (;;) {
        struct {
            long seconds, nanoseconds;
        } wait{0, look_again_ns};
        if (::syscall(SYS_ppoll, &end, 1, &wait, nullptr, 0) < 0) leave();
        const bool ended = end.revents != 0;
        if (ended) end.fd = -1;
        if (::syscall(SYS_getppid) != what.us) leave();
        if (ended || !is_stopped(what.state)) ::syscall(SYS_kill, what.us, SIGCONT);
    }
}

/// /proc/PID/stat of the child, if that is a /proc in which our numbers count.
unique_fd open_state(pid_t child) noexcept {
    char path[64];
    std::snprintf(path, sizeof path, "/proc/%ld/stat", static_cast<long>(child));
    unique_fd state(::open(path, O_RDONLY | O_CLOEXEC));
    if (!state) return {};
    char text[512];
    const std::string_view line = after_name(state.get(), text);
    char expected[32];
    const int size =
        std::snprintf(expected, sizeof expected, " %ld ", static_cast<long>(::getpid()));
    if (line.empty() || !line.substr(1).starts_with({expected, static_cast<std::size_t>(size)})) {
        return {};
    }
    return state;
}

}  // namespace

stop_watch::stop_watch(const child& stopped) noexcept : state_(open_state(stopped.pid())) {
    if (!state_ || stack_.sys_errno() != 0) return;
    watched what{stopped.pidfd(), state_.get(), ::getpid()};
    const kernel::all_blocked blocked;
    pid_ = FD2_CLONE(watch_main, stack_.top(), CLONE_FILES, &what);
    if (pid_ < 0) {
        pid_ = 0;
        return;
    }
    ::setpgid(pid_, pid_);  // fails only if it has ended, and then there is no watch
}

stop_watch::~stop_watch() {
    if (pid_ == 0) return;
    ::kill(pid_, SIGKILL);
    // __WALL: it has no exit signal.
    while (::waitpid(pid_, nullptr, __WALL) < 0 && errno == EINTR) {
    }
}

}  // namespace fd2::process
