#include "cli/whole_file.hpp"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/clock.hpp"
#include "base/signal_mask.hpp"
#include "base/unique_fd.hpp"
#include "logging/log_path.hpp"

namespace fd2::cli {
namespace {

int write_all(int fd, std::string_view text) noexcept {
    while (!text.empty()) {
        const ssize_t done = ::write(fd, text.data(), text.size());
        if (done < 0 && errno == EINTR) continue;
        if (done < 0 && errno == EFBIG) swallow_signal(SIGXFSZ);
        if (done < 0) return errno == 0 ? EIO : errno;
        if (done == 0) return ENOSPC;
        text.remove_prefix(static_cast<std::size_t>(done));
    }
    return 0;
}

}  // namespace

status replace_file(const std::string& path, std::span<const std::string_view> parts, mode_t mode) {
    auto found = logging::resolve_log_path(path);
    if (!found) return std::move(found).error();
    const int directory = found->directory.get();
    struct stat old {};
    const bool existed = ::fstatat(directory, found->name.c_str(), &old, AT_SYMLINK_NOFOLLOW) == 0;
    if (existed && !S_ISREG(old.st_mode)) {
        return advise({errc::config, EINVAL, "open: " + path + ": not a regular file"},
                      "name a file that may be replaced");
    }
    // Not ours alone: a process of another pid namespace may have our number.
    const std::string beside =
        ".fd2-" + std::to_string(::getpid()) + "-" + std::to_string(wall_clock());
    unique_fd file(::openat(directory, beside.c_str(),
                            O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode));
    if (!file) return system_failure("create beside", path, errno);
    int error = 0;
    for (const std::string_view part : parts) {
        if (error == 0) error = write_all(file.get(), part);
    }
    file.reset();
    std::string_view failed = "write";
    if (error == 0 && ::renameat(directory, beside.c_str(), directory, found->name.c_str()) != 0) {
        error = errno;
        failed = "rename";
    }
    if (error == 0) return {};
    ::unlinkat(directory, beside.c_str(), 0);
    return system_failure(failed, path, error);
}

}  // namespace fd2::cli
