#include "conformance/poller.hpp"
#include "base/handle.windows.hpp"

namespace fd2::conformance {

namespace {

DWORD milliseconds_until(nanoseconds_t deadline) {
    if (deadline < 0 || deadline == never) return INFINITE;
    return static_cast<DWORD>(poll_timeout(deadline, now()));
}

}  // namespace

poller::poller() : bell_(fd_of(CreateEventW(nullptr, FALSE, FALSE, nullptr))) {}

void poller::ring() const noexcept {
    if (bell_) (void)SetEvent(handle_of(bell_.get()));
}

bool poller::wait(fd2_native watched, nanoseconds_t deadline) const {
    const HANDLE waiting[2] = {handle_of(bell_.get()), handle_of(static_cast<int>(watched))};
    const DWORD count = watched != FD2_NATIVE_NONE ? 2 : 1;
    (void)WaitForMultipleObjects(count, waiting, FALSE, milliseconds_until(deadline));
    return count == 2 && WaitForSingleObject(waiting[1], 0) == WAIT_OBJECT_0;
}

bool wait_until_ready(fd2_native watched, nanoseconds_t deadline) {
    return WaitForSingleObject(handle_of(static_cast<int>(watched)),
                               milliseconds_until(deadline)) == WAIT_OBJECT_0;
}

void sleep_for(nanoseconds_t length) {
    const nanoseconds_t until = after(now(), length);
    while (now() < until) Sleep(static_cast<DWORD>(poll_timeout(until, now())));
}

}  // namespace fd2::conformance
