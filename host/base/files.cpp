#include "base/files.hpp"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "base/trust.hpp"

namespace fd2 {

std::string absolute(std::string_view path) {
    char here[PATH_MAX];
    // A working directory outside of our root is "(unreachable)/...".
    if (path.empty() || path.front() == '/' || !::getcwd(here, sizeof here) || here[0] != '/') {
        return std::string(path);
    }
    return std::string(here).append("/").append(path);
}

result<std::string> real_path(const std::string& path) {
    const std::unique_ptr<char, decltype(&::free)> resolved(::realpath(path.c_str(), nullptr),
                                                            &::free);
    if (!resolved) return system_failure("realpath", path, errno);
    return std::string(resolved.get());
}

std::string own_executable() {
    char self[PATH_MAX];
    const ssize_t size = ::readlink("/proc/self/exe", self, sizeof(self));
    if (size > 0 && size < static_cast<ssize_t>(sizeof(self))) {
        return {self, static_cast<std::size_t>(size)};
    }
    // What execve was given, as the kernel keeps it: the caller chose it.
    if (has_raised_privileges()) return {};
    const auto* given = reinterpret_cast<const char*>(::getauxval(AT_EXECFN));
    if (given == nullptr) return {};
    auto resolved = real_path(given);
    return resolved ? std::move(*resolved) : std::string();
}

bool same_file(const struct stat& one, const struct stat& other) noexcept {
    return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

bool adopt_attributes(int fd, const struct stat& model) noexcept {
    struct stat about {};
    if (::fstat(fd, &about) != 0) return false;
    mode_t mode = model.st_mode & 07777;
    const bool differs = about.st_uid != model.st_uid || about.st_gid != model.st_gid;
    const bool given = !differs || ::fchown(fd, model.st_uid, model.st_gid) == 0;
    if (!given && about.st_gid != model.st_gid &&
        ::fchown(fd, static_cast<uid_t>(-1), model.st_gid) != 0) {
        mode &= ~static_cast<mode_t>(S_IRWXG);
    }
    return ::fchmod(fd, mode) == 0 && given;
}

int set_non_blocking(int fd) noexcept {
    const int flags = ::fcntl(fd, F_GETFL);
    return flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? errno : 0;
}

}  // namespace fd2
