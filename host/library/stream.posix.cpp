#include "library/stream.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>
#include <fd2/wire.hpp>

#include <cerrno>
#include <string>

#include "base/signal_mask.hpp"

namespace fd2 {

namespace {

std::error_code last_error(int why) noexcept {
    return {why, std::generic_category()};
}

/// A non-blocking end (the async transport's, or one that its owner changed) waits here.
bool wait_for(int fd, short what) noexcept {
    pollfd ready{fd, what, 0};
    return ::poll(&ready, 1, -1) >= 0 || errno == EINTR;
}

}  // namespace

result<standard_stream> make_stream(stdio what, stream which) {
    const bool input = which == stream::input;
    const int target = static_cast<int>(which);
    const char* const name = input ? "the child's stdin" : "the child's stdout";
    standard_stream out;
    switch (what.what()) {
        case stdio::kind::pipe: {
            int ends[2];
            if (::pipe2(ends, O_CLOEXEC) != 0) return system_failure("pipe", name, errno);
            out.given.reset(ends[input ? 0 : 1]);
            out.wire.reset(ends[input ? 1 : 0]);
            break;
        }
        case stdio::kind::null:
            out.given.reset(::open("/dev/null", (input ? O_RDONLY : O_WRONLY) | O_CLOEXEC));
            if (!out.given) return system_failure("open", "/dev/null", errno);
            break;
        case stdio::kind::inherit:
            // By its number, if it is open: then spawn clears close-on-exec.
            if (::fcntl(target, F_GETFD) >= 0) out.child = target;
            return out;
        case stdio::kind::descriptor:
            if (::fcntl(what.number(), F_GETFD) < 0) {
                return system_failure(
                    "start a child",
                    std::string(name) + ", descriptor " + std::to_string(what.number()), errno);
            }
            out.child = what.number();
            return out;
    }
    out.child = out.given.get();
    return out;
}

std::size_t read_wire(int fd, void* data, std::size_t size, std::error_code& failed) noexcept {
    failed.clear();
    for (;;) {
        const ssize_t got = ::read(fd, data, size);
        if (got >= 0) return static_cast<std::size_t>(got);
        if (errno == EINTR || (errno == EAGAIN && wait_for(fd, POLLIN))) continue;
        failed = last_error(errno);
        return 0;
    }
}

std::size_t write_wire(int fd, const void* data, std::size_t size,
                       std::error_code& failed) noexcept {
    failed.clear();
    for (;;) {
        const std::ptrdiff_t written = write_quietly(fd, data, size);
        if (written >= 0) return static_cast<std::size_t>(written);
        if (errno == EINTR || (errno == EAGAIN && wait_for(fd, POLLOUT))) continue;
        failed = last_error(errno);
        return 0;
    }
}

std::ptrdiff_t write_quietly(int fd, const void* data, std::size_t size) noexcept {
    const sigpipe_blocked quiet;
    const ssize_t written = ::write(fd, data, size);
    if (written < 0 && errno == EPIPE) {
        swallow_signal(SIGPIPE);
        errno = EPIPE;
    }
    return written;
}

}  // namespace fd2
