#include <windows.h>

#include <atomic>
#include <csignal>

#include "base/handle.windows.hpp"
#include "base/system_code.hpp"
#include "process/signals.hpp"

// A console tells each of its processes of Ctrl-C and Ctrl-Break, the child like us. So there is
// nothing to pass on: we only do not end of it ourselves, and once the child has ended we stop what
// we still do.

namespace fd2::process {
namespace {

/// What the handler tells, which runs on a thread of the system's and belongs to the process.
struct console_events {
    HANDLE happened = ::CreateEventW(nullptr, TRUE, FALSE, nullptr);
    std::atomic<int> last{0};
};

console_events& of_console() {
    static auto* const one = new console_events;
    return *one;
}

BOOL WINAPI on_console_event(DWORD kind) {
    of_console().last = kind == CTRL_C_EVENT       ? SIGINT
                        : kind == CTRL_BREAK_EVENT ? SIGBREAK
                                                   : SIGTERM;
    ::SetEvent(of_console().happened);
    // The console closes, the user logs off: when this returns, we are ended. The child has some
    // seconds to end by itself, and we need those to end after it.
    if (kind != CTRL_C_EVENT && kind != CTRL_BREAK_EVENT) ::Sleep(INFINITE);
    return TRUE;
}

}  // namespace

signal_action decide(int, int, pid_t, const signal_context& context) noexcept {
    return context.child_ended ? signal_action::terminate_now : signal_action::drop;
}

result<signal_relay> signal_relay::install(const inherited_state& given, pid_t seen_by) {
    HANDLE copy = nullptr;
    if (!::DuplicateHandle(::GetCurrentProcess(), of_console().happened, ::GetCurrentProcess(),
                           &copy, 0, FALSE, DUPLICATE_SAME_ACCESS)) {
        return system_failure("CreateEvent", "console events", last_system_code());
    }
    unique_fd event(fd_of(copy));
    if (!::SetConsoleCtrlHandler(&on_console_event, TRUE)) {
        return system_failure("SetConsoleCtrlHandler", "", last_system_code());
    }
    return signal_relay(std::move(event), given, seen_by);
}

result<signal_report> signal_relay::serve(child& child) {
    signal_report report;
    ::ResetEvent(handle_of(fd_.get()));
    signal_context context;
    context.child_ended = child.ended().has_value();
    const int what = of_console().last.exchange(0);
    (context.child_ended ? report.terminate : report.asked_child) = what;
    return report;
}

}  // namespace fd2::process
