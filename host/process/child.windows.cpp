#include <windows.h>

#include <algorithm>
#include <string>

#include "base/handle.windows.hpp"
#include "base/system_code.hpp"
#include "process/child.hpp"
#include "process/spawn.hpp"

// What child.hpp calls a pidfd is the process's handle here: it says of every wait and of every end
// what a pidfd says, and a process that has ended keeps its number while the handle is open.

namespace fd2::process {
namespace {

/// What is left until `deadline`, rounded up.
DWORD milliseconds_until(nanoseconds_t deadline) noexcept {
    const int left = poll_timeout(deadline, now());
    return left < 0 ? INFINITE : static_cast<DWORD>(left);
}

}  // namespace

int child::open_pidfd() noexcept {
    const HANDLE process =
        ::OpenProcess(SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_TERMINATE, FALSE,
                      static_cast<DWORD>(pid_));
    pidfd_errno_ = process ? 0 : last_system_code();
    if (process) fd_.reset(fd_of(process));
    return pidfd_errno_;
}

/// Collects the end if it has come, or waits for it. 0 or the error of a wait that failed.
int child::take_end(bool waiting) noexcept {
    const std::lock_guard lock(collecting_);
    const HANDLE process = handle_of(fd_.get());
    const DWORD waited = ::WaitForSingleObject(process, waiting ? INFINITE : 0);
    if (waited == WAIT_TIMEOUT) return 0;
    DWORD code = 0;
    if (waited != WAIT_OBJECT_0 || !::GetExitCodeProcess(process, &code)) {
        return last_system_code();
    }
    ended_ = exit_status::exited(static_cast<int>(code));
    return 0;
}

// A wait that failed can say nothing more.
bool child::is_gone() const noexcept {
    return true;
}

exit_status child::collect() noexcept {
    // Without the lock: end_now() from another thread must not wait for it.
    (void)::WaitForSingleObject(handle_of(fd_.get()), INFINITE);
    if (const int why = take_end(true)) lose(why);
    return *ended_;
}

result<bool> child::ends_before(nanoseconds_t deadline) {
    switch (::WaitForSingleObject(handle_of(fd_.get()), milliseconds_until(deadline))) {
        case WAIT_OBJECT_0:
            return true;
        case WAIT_TIMEOUT:
            return false;
        default:
            return system_failure("WaitForSingleObject", "child " + std::to_string(pid_),
                                  last_system_code());
    }
}

std::optional<job_event> child::job_change() noexcept {
    return std::nullopt;
}

// There are no signals, but for the end. A console's Ctrl-C and Ctrl-Break reach the child by
// themselves.
int child::send(int signal) noexcept {
    return signal == killed ? end_now() : ERROR_NOT_SUPPORTED;
}

void child::tell_new_size() noexcept {}

// 0 or an error.
int child::end_now() noexcept {
    const std::lock_guard lock(collecting_);
    if (pid_ <= 0 || ended_ || !fd_) return ERROR_INVALID_HANDLE;
    const HANDLE process = handle_of(fd_.get());
    if (::TerminateProcess(process, 1)) return 0;
    const DWORD why = ::GetLastError();
    // Refused also for one that is ending already.
    return ::WaitForSingleObject(process, 0) == WAIT_OBJECT_0 ? 0 : static_cast<int>(why);
}

}  // namespace fd2::process
