#include "logging/stop_signal.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace fd2::logging {

status stop_signal::prepare() {
    wake_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!wake_) return system_failure("eventfd", "log", errno);
    return {};
}

void stop_signal::set() noexcept {
    const std::uint64_t one = 1;
    // Cannot fail: the counter is far from its end and nobody else writes to it.
    [[maybe_unused]] const ssize_t n = ::write(wake_.get(), &one, sizeof one);
}

bool stop_signal::wait_writable(int fd, bool stoppable, int milliseconds) const noexcept {
    pollfd both[2] = {{fd, POLLOUT, 0}, {wake_.get(), POLLIN, 0}};
    const nfds_t watched = stoppable ? 2 : 1;
    return ::poll(both, watched, milliseconds) > 0 && both[0].revents != 0;
}

void name_this_thread(const char* name) noexcept {
    ::pthread_setname_np(::pthread_self(), name);
}

}  // namespace fd2::logging
