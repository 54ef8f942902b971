#include "channel/trust.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <utility>

#include "base/files.hpp"
#include "base/trust.posix.hpp"

namespace fd2::channel {

namespace {

failure refused(const distrust& why) {
    return advise({errc::denied, EPERM, "plugin refused: " + why.component + ": " + why.why},
                  why.mend);
}

/// A plugin that is not there is no reason to stop: the next backend is tried.
failure cannot_open(const std::string& path, int sys_errno) {
    failure why = system_failure("open plugin", path, sys_errno);
    if (sys_errno == ENOENT || sys_errno == ENOTDIR) why.code = errc::unsupported;
    return why;
}

}  // namespace

trusted_owner owner_of_executable() {
    return trusted_owner_of(own_executable().c_str());
}

status check_directory(const std::string& path, const trusted_owner& owner) {
    const auto resolved = real_path(path);
    if (!resolved) return resolved.error();
    const auto found = distrust_above(*resolved == "/" ? *resolved : *resolved + "/", owner);
    return found ? status(refused(*found)) : status();
}

result<opened_plugin> open_plugin(const std::string& path, trust_source source,
                                  const trusted_owner& owner) {
    std::string opened = path;
    if (source == trust_source::verified) {
        auto resolved = real_path(path);
        if (!resolved) return cannot_open(path, resolved.error().sys_errno);
        opened = std::move(*resolved);
        // Once every directory above is writable by trusted parties only, nobody else can exchange
        // what the names below it mean.
        if (const auto found = distrust_above(opened, owner)) return refused(*found);
    }
    const int follow = source == trust_source::verified ? O_NOFOLLOW : 0;
    unique_fd file(::open(opened.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | follow));
    if (!file) return cannot_open(path, errno);
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return system_failure("fstat", opened, errno);
    if (!S_ISREG(status.st_mode)) {
        return refused({opened, "not a regular file", "name a plugin's file"});
    }
    if (source == trust_source::verified) {
        if (const auto found = distrust_of(opened, status, owner)) return refused(*found);
        if ((status.st_mode & (S_ISUID | S_ISGID)) != 0) {
            return refused({opened, "has a set-id bit", "run: chmod ug-s " + opened});
        }
        struct statvfs mount {};
        if (::fstatvfs(file.get(), &mount) == 0 && (mount.f_flag & ST_NOEXEC) != 0) {
            return refused({opened, "is on a noexec mount", "install the plugin elsewhere"});
        }
    }
    return opened_plugin{std::move(file), std::move(opened)};
}

}  // namespace fd2::channel
