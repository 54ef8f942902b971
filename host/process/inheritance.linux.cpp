#include "process/inheritance.hpp"

#include <cerrno>

#include "process/kernel_signals.hpp"

namespace fd2::process {
namespace {

// Their disposition cannot be changed; rt_sigaction refuses to try.
bool fixed(int signal) noexcept {
    return signal == SIGKILL || signal == SIGSTOP;
}

result<bool> is_ignored(int signal) {
    kernel::action now{};
    if (kernel::change_action(signal, nullptr, &now) != 0) {
        return system_failure("rt_sigaction", signal_name(signal), errno);
    }
    return now.handler == kernel::ignore;
}

status set_disposition(int signal, std::uintptr_t handler) {
    const kernel::action wanted{handler, 0, {}};
    if (kernel::change_action(signal, &wanted, nullptr) != 0) {
        return system_failure("rt_sigaction", signal_name(signal), errno);
    }
    return {};
}

}  // namespace

result<inherited_state> inherited_state::capture() {
    inherited_state state;
    std::uint64_t mask = 0;
    if (kernel::change_mask(SIG_BLOCK, nullptr, &mask) != 0) {
        return system_failure("rt_sigprocmask", "", errno);
    }
    state.blocked = signal_set(mask);
    for (int signal = 1; signal <= last_signal; ++signal) {
        const auto ignored = is_ignored(signal);
        if (!ignored) return ignored.error();
        if (*ignored) state.ignored.add(signal);
    }
    return state;
}

void inherited_state::let_end() noexcept {
    blocked = {};
    ignored.remove(SIGPIPE);
}

status inherited_state::restore_mask() const {
    const std::uint64_t mask = blocked.bits();
    if (kernel::change_mask(SIG_SETMASK, &mask, nullptr) != 0) {
        return system_failure("rt_sigprocmask", "", errno);
    }
    return {};
}

status inherited_state::restore_dispositions() const {
    for (int signal = 1; signal <= last_signal; ++signal) {
        if (fixed(signal)) continue;
        const auto ignored_now = is_ignored(signal);
        if (!ignored_now) return ignored_now.error();
        if (*ignored_now == ignored.has(signal)) continue;
        auto done =
            set_disposition(signal, ignored.has(signal) ? kernel::ignore : kernel::by_default);
        if (!done) return done;
    }
    return {};
}

status take_default_sigchld() {
    return set_disposition(SIGCHLD, kernel::by_default);
}

}  // namespace fd2::process
