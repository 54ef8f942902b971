#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "conformance/poller.hpp"

namespace fd2::conformance {

namespace {

timespec timespec_of(nanoseconds_t length) {
    length = std::max<nanoseconds_t>(length, 0);
    return {static_cast<time_t>(length / second), static_cast<long>(length % second)};
}

}  // namespace

poller::poller() : bell_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void poller::ring() const noexcept {
    const std::uint64_t one = 1;
    if (bell_ && ::write(bell_.get(), &one, sizeof(one)) < 0) return;
}

bool poller::wait(fd2_native watched, nanoseconds_t deadline) const {
    const bool armed = watched != FD2_NATIVE_NONE;
    pollfd waiting[2] = {{bell_.get(), POLLIN, 0}, {static_cast<int>(watched), POLLIN, 0}};
    const timespec left = timespec_of(deadline >= 0 ? deadline - now() : 0);
    const int ready = ::ppoll(waiting, armed ? 2 : 1, deadline >= 0 ? &left : nullptr, nullptr);
    std::uint64_t rung;
    if (ready > 0 && waiting[0].revents != 0) (void)!::read(bell_.get(), &rung, sizeof(rung));
    return ready > 0 && armed && waiting[1].revents != 0;
}

bool wait_until_ready(fd2_native watched, nanoseconds_t deadline) {
    pollfd waiting{static_cast<int>(watched), POLLIN, 0};
    return ::poll(&waiting, 1, poll_timeout(deadline, now())) == 1;
}

void sleep_for(nanoseconds_t length) {
    const timespec left = timespec_of(length);
    (void)::nanosleep(&left, nullptr);
}

}  // namespace fd2::conformance
