#include "settings/read_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/failure.hpp"
#include "base/unique_fd.hpp"
#include "settings/quantity.hpp"

namespace fd2::settings {
namespace {

using outcome = file_bytes::outcome;

std::string_view kind_of(mode_t mode) noexcept {
    if (S_ISDIR(mode)) return "a directory";
    if (S_ISFIFO(mode)) return "a FIFO";
    if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
    if (S_ISSOCK(mode)) return "a socket";
    return "of an unknown kind";
}

file_bytes failed(std::string_view operation, int sys_errno) {
    return {outcome::failed, {}, system_failure(operation, "", sys_errno).message, {}};
}

file_bytes too_large() {
    return {outcome::failed,
            {},
            "is larger than " + format_size(static_cast<std::int64_t>(largest_file)),
            "a settings file is a few lines; is this the right file?"};
}

}  // namespace

file_bytes read_file(const std::string& path) {
    int fd = -1;
    do {
        fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) {
        if (errno == ENOENT || errno == ENOTDIR) return {outcome::absent, {}, {}, {}};
        // A socket cannot be opened; ENXIO is what open(2) says then.
        if (errno == ENXIO) {
            return {outcome::failed, {}, "is not a regular file", "name a regular file, or none"};
        }
        file_bytes out = failed("open", errno);
        if (errno == EACCES) out.result = outcome::refused;
        return out;
    }
    const unique_fd owner(fd);

    struct stat about {};
    if (::fstat(fd, &about) != 0) return failed("fstat", errno);
    if (!S_ISREG(about.st_mode)) {
        return {outcome::failed,
                {},
                "is " + std::string(kind_of(about.st_mode)) + ", not a regular file",
                "name a regular file, or none"};
    }

    // The size is found by reading: st_size may be 0 (in /proc) or out of date.
    file_bytes out{outcome::read, {}, {}, {}};
    out.text.resize(largest_file + 1);
    std::size_t filled = 0;
    while (filled < out.text.size()) {
        const ssize_t got = ::read(fd, out.text.data() + filled, out.text.size() - filled);
        if (got < 0) {
            if (errno == EINTR) continue;
            return failed("read", errno);
        }
        if (got == 0) break;
        filled += static_cast<std::size_t>(got);
    }
    if (filled > largest_file) return too_large();
    out.text.resize(filled);
    return out;
}

}  // namespace fd2::settings
