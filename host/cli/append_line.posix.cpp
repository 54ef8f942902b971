// How a line gets to the end of a file that others append to as well.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/signal_mask.hpp"
#include "cli/run_reports.hpp"
#include "logging/log_path.hpp"

namespace fd2::cli {
namespace {

// Between two questions whether it is free.
constexpr int shortest_nap = 1, longest_nap = 16;  // ms

/// 0, EINTR if we are to stop, or another errno. The kernel has no wait for a lock that ends at
/// some time, or together with others; so it is asked again and again.
int lock(int fd, const patience& waiting) {
    const nanoseconds_t until = after(now(), waiting.stall);
    for (int nap = shortest_nap;; nap = std::min(2 * nap, longest_nap)) {
        if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return 0;
        if (errno != EWOULDBLOCK && errno != EINTR) return errno;
        if (now() >= until) return ETIMEDOUT;
        pollfd served{waiting.descriptor, POLLIN, 0};
        if (::poll(&served, 1, nap) > 0 && waiting.serve && waiting.serve()) return EINTR;
    }
}

/// Opens it for reading as well where that is allowed, to look at its end.
unique_fd open_to_append(const logging::log_path& at, bool& readable) noexcept {
    // Non-blocking: what has no reader (a FIFO) is refused, and not waited for.
    const int flags =
        O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (at.descriptor ? 0 : O_NOFOLLOW);
    unique_fd file(::openat(at.directory.get(), at.name.c_str(), O_RDWR | O_CREAT | flags, 0600));
    readable = static_cast<bool>(file);
    if (!file && errno == EACCES) {
        file.reset(::openat(at.directory.get(), at.name.c_str(), O_WRONLY | flags));
    }
    return file;
}

bool ends_inside_a_line(int fd, off_t size) noexcept {
    char last = '\n';
    return size > 0 && ::pread(fd, &last, 1, size - 1) == 1 && last != '\n';
}

/// 0 or an errno. After a failure the file is as long as before.
int append(int fd, off_t size, std::string_view text) noexcept {
    while (!text.empty()) {
        const ssize_t done = ::write(fd, text.data(), text.size());
        if (done > 0) {
            text.remove_prefix(static_cast<std::size_t>(done));
            continue;
        }
        if (done < 0 && errno == EINTR) continue;
        const int error = done < 0 ? errno : ENOSPC;
        if (error == EFBIG) swallow_signal(SIGXFSZ);
        [[maybe_unused]] const int as_before = ::ftruncate(fd, size);
        return error;
    }
    return 0;
}

}  // namespace

status append_line(const std::string& path, std::string_view line, const patience& waiting) {
    // Again if the file was removed while we waited.
    for (int tries = 0;; ++tries) {
        auto at = logging::resolve_log_path(path);
        if (!at) return std::move(at).error();
        bool readable = false;
        const unique_fd file = open_to_append(*at, readable);
        if (!file) return system_failure("open", path, errno);
        struct stat about {};
        if (::fstat(file.get(), &about) != 0) return system_failure("fstat", path, errno);
        if (!S_ISREG(about.st_mode)) {
            return advise({errc::config, EINVAL, "open: " + path + ": not a regular file"},
                          "name a file, or use --stats");
        }
        const int locked = lock(file.get(), waiting);
        if (locked == ETIMEDOUT) {
            return advise({errc::timedout, locked, "lock: " + path + ": another process holds it"},
                          "find it in /proc/locks");
        }
        if (locked == EINTR) {
            return failure{errc::timedout, locked, "lock: " + path + ": interrupted by a signal"};
        }
        if (locked != 0) return system_failure("lock", path, locked);
        if (::fstat(file.get(), &about) != 0) return system_failure("fstat", path, errno);
        if (about.st_nlink == 0 && tries < 3) continue;
        std::string text;
        if (readable && ends_inside_a_line(file.get(), about.st_size)) text = '\n';
        text += line;
        const int error = append(file.get(), about.st_size, text);
        if (error != 0) return system_failure("write", path, error);
        return {};
    }
}

}  // namespace fd2::cli
