#include "cli/late_output.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <optional>

namespace fd2::cli {
namespace {

/// The descriptor that a path stands for, as shells have it.
std::optional<int> descriptor_of(std::string_view path) {
    if (path == "/dev/stdin") return STDIN_FILENO;
    if (path == "/dev/stdout") return STDOUT_FILENO;
    if (path == "/dev/stderr") return STDERR_FILENO;
    for (const std::string_view above : {"/dev/fd/", "/proc/self/fd/"}) {
        if (!path.starts_with(above)) continue;
        const char* const end = path.data() + path.size();
        int fd = -1;
        const auto [stop, failed] = std::from_chars(path.data() + above.size(), end, fd);
        if (failed == std::errc() && stop == end && fd >= 0) return fd;
    }
    return std::nullopt;
}

/// Whether we were given it. What we have opened ourselves is close-on-exec from birth, and nothing
/// comes through an exec that is.
bool is_inherited(int fd) {
    const int flags = ::fcntl(fd, F_GETFD);
    if (flags >= 0 && (flags & FD_CLOEXEC) == 0) return true;
    errno = EBADF;
    return false;
}

}  // namespace

status late_output::open(const std::string& path) {
    name_ = path;
    if (const auto fd = descriptor_of(path)) return duplicate(*fd);
    file_ = unique_fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (!file_) return system_failure("open", path, errno);
    return {};
}

status late_output::duplicate(int fd) {
    const int ours = is_inherited(fd) ? ::fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1) : -1;
    if (ours < 0) return system_failure("open", name_, errno);
    file_ = unique_fd(ours);
    return {};
}

status late_output::take(int fd) {
    name_ = "descriptor " + std::to_string(fd);
    if (fd <= STDERR_FILENO) return duplicate(fd);
    if (!is_inherited(fd) || ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
        return system_failure("--stats-fd", name_, errno);
    }
    file_ = unique_fd(fd);
    return {};
}

void late_output::write(std::string_view text, observer& watch) const {
    while (file_ && !text.empty()) {
        const ssize_t done = ::write(file_.get(), text.data(), text.size());
        if (done >= 0) {
            text.remove_prefix(static_cast<std::size_t>(done));
            continue;
        }
        if (errno == EINTR) continue;
        if (errno == EAGAIN) {  // a descriptor that others share, who have made it non-blocking
            pollfd room{file_.get(), POLLOUT, 0};
            ::poll(&room, 1, -1);
            continue;
        }
        watch.on_event({severity::error, system_failure("write", name_, errno).message});
        return;
    }
}

}  // namespace fd2::cli
