#include "process/signals.hpp"

#include <fcntl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "process/kernel_signals.hpp"
#include "process/stop_watch.hpp"

namespace fd2::process {
namespace {

signal_set signals_to_take(const inherited_state& given) noexcept {
    signal_set taken(signal_set::all().bits() & ~given.ignored.bits());
    taken.add(SIGCHLD).add(SIGCONT);
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

bool stops_a_job(int signal) noexcept {
    return signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU;
}

bool has_controlling_terminal() noexcept {
    const unique_fd terminal(::open("/dev/tty", O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    return terminal || (errno != ENXIO && errno != ENODEV && errno != ENOENT && errno != EIO);
}

/// Whether our parent would see us stop and continue us: a shell with job control starts each job
/// in a process group of its own. A program that runs us in its own group (rsync, git, a script) is
/// stopped by its shell together with us, and waits for us like for any other command.
bool is_a_shells_job(pid_t parent) noexcept {
    if (parent == 0) parent = ::getppid();
    // 0: it is outside of our pid namespace.
    return parent > 0 && ::getsid(parent) == ::getsid(0) && ::getpgid(parent) != ::getpgrp() &&
           has_controlling_terminal();
}

/// Whether a signal that was not passed on is one that a terminal or a hang-up sends to our whole
/// process group, and so to the child.
bool reached_group(int signal, int code, const signal_context& context) noexcept {
    return code == SI_KERNEL && !context.child_ended && !context.ignored.has(signal) &&
           (signal == SIGINT || signal == SIGQUIT || signal == SIGHUP);
}

bool is_elsewhere(pid_t child) noexcept {
    const pid_t group = ::getpgid(child);
    return group > 0 && group != ::getpgrp();
}

}  // namespace

signal_action decide(int signal, int code, pid_t sender, const signal_context& context) noexcept {
    if (signal == SIGCHLD) return signal_action::look_at_child;
    if (sent_by_a_process(code)) {
        if (sender == context.self || sender == context.child) return signal_action::drop;
        if (signal == SIGCONT && sender == context.watch) return signal_action::drop;
    }
    if (context.ignored.has(signal) && signal != SIGCONT) return signal_action::drop;
    if (context.child_ended) {
        return ends_by_default(signal) ? signal_action::terminate_now : signal_action::drop;
    }
    if (signal == SIGCONT) return signal_action::forward;
    if (code != SI_KERNEL) return signal_action::forward;
    switch (signal) {
        case SIGALRM:
            return signal_action::forward;
        case SIGHUP:
            if (context.session_leader) return signal_action::forward;
            [[fallthrough]];
        case SIGINT:
        case SIGQUIT:
        case SIGTSTP:
        case SIGWINCH:
            return context.child_elsewhere ? signal_action::forward : signal_action::drop;
        default:
            return signal_action::drop;
    }
}

result<signal_relay> signal_relay::install(const inherited_state& given, pid_t seen_by) {
    const signal_set taken = signals_to_take(given);
    unique_fd fd(make_signalfd(taken));
    if (!fd) return system_failure("signalfd", "", errno);
    const std::uint64_t mask = taken.bits();
    if (kernel::change_mask(SIG_SETMASK, &mask, nullptr) != 0) return mask_failure();
    return signal_relay(std::move(fd), given, seen_by);
}

/// Stops this process by `signal`, unless the child has gone on in the meantime.
///
/// A signal that is pending and blocked is taken back by the kernel when SIGCONT arrives. So it is
/// queued first; then the child is asked once more; then it is let in. Whenever in between the
/// whole group is continued, the child tells or the signal is gone, and we do not stop alone; when
/// the child alone is continued, now or later, the watch continues us.
status signal_relay::stop_like(int signal, child& child) {
    const std::uint64_t only = signal_set().add(signal).bits();
    std::uint64_t before = 0;
    if (kernel::change_mask(SIG_BLOCK, &only, &before) != 0) return mask_failure();
    const stop_watch watch(child);
    watch_ = watch.pid();
    // We may have been given it as ignored, and the child made it default for itself.
    kernel::action old{};
    const kernel::action by_default{kernel::by_default, 0, {}};
    if (kernel::change_action(signal, &by_default, &old) != 0 || ::kill(::getpid(), signal) != 0) {
        return system_failure("stop fd2", signal_name(signal), errno);
    }
    if (const auto newer = child.job_change(); newer && newer->stopped_by == 0) {
        // Taking it back: setting a pending signal to be ignored discards it.
        const kernel::action ignore{kernel::ignore, 0, {}};
        kernel::change_action(signal, &ignore, nullptr);
        stopped_by_ = 0;
    } else if (kernel::change_mask(SIG_UNBLOCK, &only, nullptr) != 0) {
        return mask_failure();
    }
    // Stopped and continued by now, or the kernel discarded it.
    kernel::change_action(signal, &old, nullptr);
    if (kernel::change_mask(SIG_SETMASK, &before, nullptr) != 0) return mask_failure();
    return {};
}

std::optional<job_event> signal_relay::news_of(child& child) noexcept {
    if (!news_) news_ = child.job_change();
    return std::exchange(news_, std::nullopt);
}

/// Whether a stopped child was continued since, by the SIGCONT that reached us too: another one
/// would undo a stop that came after it.
bool signal_relay::has_gone_on(child& child) noexcept {
    if (stopped_by_ == 0) return false;
    if (!news_) news_ = child.job_change();
    return news_.has_value();
}

/// True: we were stopped, and there may be more.
result<bool> signal_relay::follow_stop(child& child) {
    while (const auto event = news_of(child)) {
        stopped_by_ = event->stopped_by;
        if (!stops_a_job(stopped_by_) || !is_a_shells_job(seen_by_)) continue;
        if (auto done = stop_like(stopped_by_, child); !done) return std::move(done).error();
        return true;
    }
    return false;
}

result<signal_report> signal_relay::serve(child& child) {
    signal_report report;
    signal_context context;
    context.ignored = given_.ignored;
    context.self = ::getpid();
    context.child = child.pid();
    context.watch = watch_;
    context.child_ended = child.ended().has_value();
    context.session_leader = ::getsid(0) == context.self;
    std::array<signalfd_siginfo, 16> batch;
    bool look = false;
    for (;;) {
        ssize_t size = ::read(fd_.get(), batch.data(), sizeof batch);
        if (size < 0 && errno == EINTR) continue;
        if (size < 0 && errno != EAGAIN) return system_failure("read", "signalfd", errno);
        if (size < 0) {
            watch_ = 0;
            if (!look) return report;
            size = 0;
        }
        // All are handed on before a stop is followed: a stop signal that reaches a stopped child
        // is taken back when it goes on, one that comes afterwards would stop it again.
        int stop = 0;
        const std::size_t count = static_cast<std::size_t>(size) / sizeof batch[0];
        for (std::size_t i = 0; i < count; ++i) {
            const int signal = static_cast<int>(batch[i].ssi_signo);
            const int code = batch[i].ssi_code;
            context.child_elsewhere = code == SI_KERNEL && is_elsewhere(context.child);
            if (signal == SIGWINCH) report.resized = true;
            switch (decide(signal, code, static_cast<pid_t>(batch[i].ssi_pid), context)) {
                case signal_action::drop:
                    if (reached_group(signal, code, context)) report.asked_child = signal;
                    break;
                case signal_action::look_at_child:
                    look = true;
                    break;
                case signal_action::terminate_now:
                    report.terminate = signal;
                    break;
                case signal_action::forward: {
                    if (signal == SIGCONT && has_gone_on(child)) {
                        look = true;
                        break;
                    }
                    auto sent = child.kill(signal);
                    if (sent && ends_by_default(signal)) report.asked_child = signal;
                    if (!sent && sent.error().sys_errno != ESRCH) {
                        report.undelivered = std::move(sent).error();
                    }
                    break;
                }
            }
            // A child that is stopped already does not stop again, so no SIGCHLD would tell us.
            if (stops_a_job(signal) && stopped_by_ != 0) stop = signal;
        }
        if (look) {
            // After a stop the signals come first again: the watch's SIGCONT is among them.
            auto stopped = follow_stop(child);
            if (!stopped) return std::move(stopped).error();
            look = *stopped;
        }
        if (stop != 0 && stopped_by_ != 0 && is_a_shells_job(seen_by_)) {
            if (auto done = stop_like(stop, child); !done) return std::move(done).error();
        }
        context.watch = watch_;
    }
}

}  // namespace fd2::process
