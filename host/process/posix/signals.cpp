#include "process/signals.hpp"

#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "process/posix/kernel_signals.hpp"

namespace fd2::process {
namespace {

signal_set signals_to_take(const inherited_state& given) noexcept {
    signal_set taken(signal_set::all().bits() & ~given.ignored.bits());
    taken.add(SIGCHLD).add(SIGCONT);
    for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS}) taken.remove(fault);
    for (int fixed : {SIGKILL, SIGSTOP, 32, 33}) taken.remove(fixed);
    return taken;
}

// signalfd(3) takes a sigset_t; the kernel's set is its first 8 bytes.
int make_signalfd(signal_set set) noexcept {
    const std::uint64_t bits = set.bits();
    return static_cast<int>(
        ::syscall(SYS_signalfd4, -1, &bits, kernel::set_size, SFD_NONBLOCK | SFD_CLOEXEC));
}

bool sent_by_a_process(int code) noexcept {
    return code == SI_USER || code == SI_QUEUE || code == SI_TKILL;
}

failure mask_failure() {
    return system_failure("rt_sigprocmask", "", errno);
}

/// Stops this process by `signal`, unless the child has gone on in the meantime.
///
/// A signal that is pending and blocked is taken back by the kernel when SIGCONT arrives. So it is
/// queued first; then the child is asked once more; then it is let in. Whenever in between the
/// whole group is continued, the child tells or the signal is gone, and we do not stop alone.
status stop_like(int signal, child& child) {
    if (signal == SIGSTOP) {
        // Cannot be blocked: asked just before, and that is as close as one can get.
        if (const auto newer = child.job_change(); newer && newer->stopped_by == 0) return {};
        if (::kill(::getpid(), SIGSTOP) != 0) return system_failure("kill", "SIGSTOP", errno);
        return {};
    }
    const std::uint64_t only = signal_set().add(signal).bits();
    std::uint64_t before = 0;
    if (kernel::change_mask(SIG_BLOCK, &only, &before) != 0) return mask_failure();
    // We may have been given it as ignored, and the child made it default for itself.
    kernel::action old{};
    const kernel::action by_default{kernel::by_default, 0, {}};
    if (kernel::change_action(signal, &by_default, &old) != 0 || ::kill(::getpid(), signal) != 0) {
        return system_failure("stop by", signal_name(signal), errno);
    }
    if (const auto newer = child.job_change(); newer && newer->stopped_by == 0) {
        // Taking it back: setting a pending signal to be ignored discards it.
        const kernel::action ignore{kernel::ignore, 0, {}};
        kernel::change_action(signal, &ignore, nullptr);
    } else if (kernel::change_mask(SIG_UNBLOCK, &only, nullptr) != 0) {
        return mask_failure();
    }
    // Stopped and continued by now, or the kernel discarded it.
    kernel::change_action(signal, &old, nullptr);
    if (kernel::change_mask(SIG_SETMASK, &before, nullptr) != 0) return mask_failure();
    return {};
}

}  // namespace

signal_action decide(int signal, int code, pid_t sender, const signal_context& context) noexcept {
    if (signal == SIGCHLD) return signal_action::look_at_child;
    if (signal == SIGPIPE) return signal_action::drop;
    if (sent_by_a_process(code) && sender == context.child) return signal_action::drop;
    if (context.ignored.has(signal) && signal != SIGCONT) return signal_action::drop;
    if (context.child_ended) {
        return ends_by_default(signal) ? signal_action::terminate_now : signal_action::drop;
    }
    if (signal == SIGCONT) return signal_action::forward;
    if (code == SI_KERNEL) {
        const bool ours_alone = signal == SIGALRM || (signal == SIGHUP && context.session_leader);
        return ours_alone ? signal_action::forward : signal_action::drop;
    }
    return signal_action::forward;
}

result<signal_duty> signal_duty::install(const inherited_state& given) {
    const signal_set taken = signals_to_take(given);
    unique_fd fd(make_signalfd(taken));
    if (!fd) return system_failure("signalfd", "", errno);
    const std::uint64_t mask = taken.bits();
    std::uint64_t before = 0;
    if (kernel::change_mask(SIG_SETMASK, &mask, &before) != 0) return mask_failure();
    return signal_duty(std::move(fd), given, signal_set(before));
}

signal_duty::~signal_duty() {
    if (!fd_) return;
    const std::uint64_t mask = before_.bits();
    kernel::change_mask(SIG_SETMASK, &mask, nullptr);
}

status signal_duty::follow_stops(child& child) {
    while (const auto event = child.job_change()) {
        if (event->stopped_by == 0) continue;
        if (auto done = stop_like(event->stopped_by, child); !done) return done;
    }
    return {};
}

result<signal_report> signal_duty::serve(child& child) {
    signal_report report;
    const signal_context context{given_.ignored, child.pid(), child.ended().has_value(),
                                 ::getsid(0) == ::getpid()};
    std::array<signalfd_siginfo, 16> batch;
    for (;;) {
        const ssize_t size = ::read(fd_.get(), batch.data(), sizeof batch);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0 && errno == EAGAIN) return report;
        if (size < 0) return system_failure("read", "signalfd", errno);
        // All are handed on before a stop is followed: a stop signal that reaches a stopped child
        // is taken back when it goes on, one that comes afterwards would stop it again.
        bool look = false;
        const std::size_t count = static_cast<std::size_t>(size) / sizeof batch[0];
        for (std::size_t i = 0; i < count; ++i) {
            const int signal = static_cast<int>(batch[i].ssi_signo);
            switch (
                decide(signal, batch[i].ssi_code, static_cast<pid_t>(batch[i].ssi_pid), context)) {
                case signal_action::drop:
                    break;
                case signal_action::look_at_child:
                    look = true;
                    break;
                case signal_action::terminate_now:
                    report.terminate = signal;
                    break;
                case signal_action::forward: {
                    auto sent = child.kill(signal);
                    if (!sent && sent.error().sys_errno != ESRCH) return std::move(sent).error();
                    break;
                }
            }
        }
        if (!look) continue;
        if (auto done = follow_stops(child); !done) return std::move(done).error();
    }
}

}  // namespace fd2::process
