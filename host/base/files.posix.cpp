#include "base/files.posix.hpp"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <utility>

#include "base/trust.hpp"

namespace fd2 {

namespace {

file_identity identity_of(const struct stat& about) noexcept {
    return {static_cast<std::uint64_t>(about.st_dev), static_cast<std::uint64_t>(about.st_ino)};
}

}  // namespace

bool is_absolute(std::string_view path) noexcept {
    return path.starts_with('/');
}

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

std::string own_module() {
    Dl_info about{};
    if (::dladdr(reinterpret_cast<const void*>(&own_module), &about) == 0) return {};
    return about.dli_fname ? about.dli_fname : "";
}

char** own_environment() {
    return environ;
}

std::optional<std::string> environment_variable(const char* name) {
    const char* const value = ::getenv(name);
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

bool is_there(const std::string& path) noexcept {
    return ::access(path.c_str(), F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

result<file_identity> identity_of(const std::string& path) {
    struct stat about {};
    if (::stat(path.c_str(), &about) != 0) return system_failure("stat", path, errno);
    return identity_of(about);
}

result<file_identity> identity_of(int fd) {
    struct stat about {};
    if (::fstat(fd, &about) != 0) return system_failure("fstat", "", errno);
    return identity_of(about);
}

result<file_kind> kind_of(int fd) {
    struct stat about {};
    if (::fstat(fd, &about) != 0) return system_failure("fstat", "", errno);
    if (S_ISREG(about.st_mode)) return file_kind::regular;
    if (S_ISDIR(about.st_mode)) return file_kind::directory;
    if (S_ISFIFO(about.st_mode)) return file_kind::pipe;
    if (S_ISCHR(about.st_mode) || S_ISBLK(about.st_mode)) return file_kind::device;
    if (S_ISSOCK(about.st_mode)) return file_kind::socket;
    return file_kind::unknown;
}

result<unique_fd> open_to_read(const std::string& path, last_link link, writers who) {
    const int flags = O_RDONLY | O_CLOEXEC | O_NOCTTY |
                      (link == last_link::follow ? 0 : O_NOFOLLOW) |
                      (who == writers::awaited ? 0 : O_NONBLOCK);
    for (;;) {
        const int fd = ::open(path.c_str(), flags);
        if (fd >= 0) return unique_fd(fd);
        if (errno != EINTR) return system_failure("open", path, errno);
    }
}

result<std::size_t> read_some(int fd, char* data, std::size_t size) {
    for (;;) {
        const ssize_t got = ::read(fd, data, size);
        if (got >= 0) return static_cast<std::size_t>(got);
        if (errno != EINTR) return system_failure("read", "", errno);
    }
}

status write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t done = ::write(fd, bytes.data(), bytes.size());
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return system_failure("write", "", done < 0 ? errno : ENOSPC);
        bytes.remove_prefix(static_cast<std::size_t>(done));
    }
    return {};
}

status replace_file(const std::string& from, const std::string& to) {
    if (::rename(from.c_str(), to.c_str()) != 0) return system_failure("rename", to, errno);
    return {};
}

status each_name_in(const std::string& directory,
                    const std::function<bool(std::string_view name)>& take) {
    const std::unique_ptr<DIR, int (*)(DIR*)> list(::opendir(directory.c_str()), &::closedir);
    if (!list) return system_failure("open", directory, errno);
    for (;;) {
        errno = 0;
        const dirent* const entry = ::readdir(list.get());
        if (entry == nullptr && errno != 0) return system_failure("readdir", directory, errno);
        if (entry == nullptr) return {};
        const std::string_view name = entry->d_name;
        if (name != "." && name != ".." && !take(name)) return {};
    }
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
