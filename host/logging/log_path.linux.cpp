#include "logging/log_path.hpp"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/trust.posix.hpp"

namespace fd2::logging {
namespace {

constexpr int most_links = 40;  // the kernel's own limit

/// Splits the first component off `rest`, and the slashes around it.
std::string first_component(std::string& rest) {
    const std::size_t begin = rest.find_first_not_of('/');
    if (begin == std::string::npos) return std::exchange(rest, {}), std::string();
    const std::size_t end = std::min(rest.find('/', begin), rest.size());
    std::string out = rest.substr(begin, end - begin);
    rest.erase(0, std::min(rest.find_first_not_of('/', end), rest.size()));
    return out;
}

bool is_procfs(int directory) noexcept {
    struct statfs about {};
    return ::fstatfs(directory, &about) == 0 && about.f_type == PROC_SUPER_MAGIC;
}

/// Whether links in this directory may be followed; EACCES is what the kernel itself says where
/// fs.protected_symlinks refuses one.
status check_link(int directory, const std::string& path, const std::string& name) {
    struct stat about {};
    if (::fstat(directory, &about) != 0) return system_failure("fstat", path, errno);
    if (!others_can_write(about)) return {};
    return advise(
        {errc::denied, EACCES,
         "open: " + path + ": " + name + " is a link in a directory that others can write to"},
        "name the file that it leads to");
}

}  // namespace

result<log_path> resolve_log_path(const std::string& path) {
    constexpr int on_the_way = O_PATH | O_DIRECTORY | O_CLOEXEC;
    const auto failed = [&] { return system_failure("open", path, errno); };
    log_path out;
    std::string rest = path;
    out.directory.reset(::open("/", on_the_way));
    if (!out.directory) return failed();
    for (int links = 0;;) {
        const int here = out.directory.get();
        out.name = first_component(rest);
        if (out.name.empty()) out.name.assign(1, '.');  // "/", or a link to a directory
        struct stat about {};
        if (::fstatat(here, out.name.c_str(), &about, AT_SYMLINK_NOFOLLOW) != 0) {
            if (errno == ENOENT && rest.empty()) return out;
            return failed();
        }
        const bool in_proc = S_ISLNK(about.st_mode) && is_procfs(here);
        if (rest.empty() && (in_proc || !S_ISLNK(about.st_mode))) {
            out.descriptor = in_proc;
            return out;
        }
        if (!S_ISLNK(about.st_mode) || in_proc) {
            const int follow = in_proc ? 0 : O_NOFOLLOW;
            unique_fd below(::openat(here, out.name.c_str(), on_the_way | follow));
            if (!below) return failed();
            out.directory = std::move(below);
            continue;
        }
        if (auto good = check_link(here, path, out.name); !good) return std::move(good).error();
        std::array<char, PATH_MAX> target;
        const ssize_t size = ::readlinkat(here, out.name.c_str(), target.data(), target.size());
        if (size < 0) return failed();
        if (size == static_cast<ssize_t>(target.size()) || ++links > most_links) {
            errno = ELOOP;
            return failed();
        }
        if (target[0] == '/') out.directory.reset(::open("/", on_the_way));
        if (!out.directory) return failed();
        rest.insert(0, std::string(target.data(), static_cast<std::size_t>(size)) +
                           (rest.empty() ? "" : "/"));
    }
}

}  // namespace fd2::logging
