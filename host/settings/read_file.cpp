#include "settings/read_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <utility>

#include "base/failure.hpp"
#include "base/files.hpp"
#include "base/trust.hpp"
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
            "a configuration file is a few lines; is this the right file?"};
}

file_bytes distrusted(const distrust& why) {
    return {outcome::distrusted, {}, why.component + ": " + why.why, why.mend};
}

unique_fd open_file(const std::string& path, int extra = 0) {
    int fd = -1;
    do {
        fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | extra);
    } while (fd < 0 && errno == EINTR);
    return unique_fd(fd);
}

/// Opens the file behind `path` once more, by its real path, whose meaning nobody else can change
/// once all directories of it are trusted. Sets `file` to it, or returns why it is not trusted.
std::optional<file_bytes> verify(const std::string& path, unique_fd& file) {
    const auto resolved = real_path(path);
    if (!resolved) return failed("realpath", resolved.error().sys_errno);
    if (const auto found = distrust_above(*resolved)) return distrusted(*found);
    file = open_file(*resolved, O_NOFOLLOW);
    if (!file) return failed("open", errno);
    struct stat about {};
    if (::fstat(file.get(), &about) != 0) return failed("fstat", errno);
    if (const auto found = distrust_of(*resolved, about)) return distrusted(*found);
    return std::nullopt;
}

}  // namespace

file_bytes check_trust(const std::string& path) {
    struct stat about {};
    const bool regular = ::stat(path.c_str(), &about) == 0 && S_ISREG(about.st_mode);
    if (!regular) return {outcome::read, {}, {}, {}};
    unique_fd file;
    return verify(path, file).value_or(file_bytes{outcome::read, {}, {}, {}});
}

file_bytes read_file(const std::string& path, file_trust trust) {
    unique_fd owner = open_file(path);
    if (!owner) {
        if (errno == ENOENT || errno == ENOTDIR) return {outcome::absent, {}, {}, {}};
        // A socket cannot be opened; ENXIO is what open(2) says then.
        if (errno == ENXIO) {
            return {outcome::irregular, {}, "is not a regular file", {}};
        }
        file_bytes out = failed("open", errno);
        if (errno == EACCES) out.result = outcome::refused;
        return out;
    }
    struct stat about {};
    if (::fstat(owner.get(), &about) != 0) return failed("fstat", errno);
    if (!S_ISREG(about.st_mode)) {
        return {outcome::irregular,
                {},
                "is " + std::string(kind_of(about.st_mode)) + ", not a regular file",
                {}};
    }
    if (trust == file_trust::verified) {
        if (auto refused = verify(path, owner)) return std::move(*refused);
    }

    // The size is found by reading: st_size may be 0 (in /proc) or out of date.
    file_bytes out{outcome::read, {}, {}, {}};
    out.text.resize(largest_file + 1);
    std::size_t filled = 0;
    while (filled < out.text.size()) {
        const ssize_t got = ::read(owner.get(), out.text.data() + filled, out.text.size() - filled);
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
