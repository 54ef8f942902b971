#include "process/standard_fds.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace fd2::process {
namespace {

constexpr const char* null_device = "/dev/null";

int open_null_device(int flags) noexcept {
    int fd;
    do fd = ::open(null_device, O_RDWR | O_NOCTTY | flags);
    while (fd < 0 && errno == EINTR);
    return fd;
}

/// In a root without /dev: reads find the end, and writes fail.
unique_fd stand_in() noexcept {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return {};
    ::close(ends[1]);
    return unique_fd(ends[0]);
}

}  // namespace

void close_again(const closed_at_start& closed) noexcept {
    for (int fd = 0; fd <= STDERR_FILENO; ++fd) {
        if (closed.closed[static_cast<std::size_t>(fd)]) ::close(fd);
    }
}

void keep_from_command(int fd) noexcept {
    ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

int standard_descriptor(int number) noexcept {
    return number;
}

result<closed_at_start> secure_standard_fds() {
    closed_at_start found;
    for (int fd = 0; fd <= 2; ++fd) {
        if (::fcntl(fd, F_GETFD) != -1) continue;
        if (errno != EBADF) return system_failure("fcntl", std::to_string(fd), errno);
        // All below are open, so the lowest free number is this one.
        const int opened = open_null_device(0);
        if (opened < 0) {
            return system_failure("open for descriptor " + std::to_string(fd), null_device, errno);
        }
        if (opened != fd) {
            ::close(opened);
            return failure{errc::state, 0,
                           "open: /dev/null: another thread took descriptor " + std::to_string(fd)};
        }
        found.closed[static_cast<std::size_t>(fd)] = true;
    }
    return found;
}

result<unique_fd> open_null() {
    unique_fd fd(open_null_device(O_CLOEXEC));
    if (fd) return fd;
    const int why = errno;
    if (why == ENOENT) fd = stand_in();
    if (!fd) return system_failure("open", null_device, why);
    return fd;
}

status detach_stdio(wire_end which, int null_fd) {
    const int fd = static_cast<int>(which);
    // EBUSY: an open(2) in another thread holds the slot for an instant.
    int done;
    do done = ::dup2(null_fd, fd);
    while (done < 0 && (errno == EINTR || errno == EBUSY));
    if (done < 0) return system_failure("dup2", std::to_string(fd), errno);
    return {};
}

bool standard_output_is_a_socket() noexcept {
    struct stat status {};
    return ::fstat(STDOUT_FILENO, &status) == 0 && S_ISSOCK(status.st_mode);
}

}  // namespace fd2::process
