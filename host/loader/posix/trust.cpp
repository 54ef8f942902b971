#include "loader/trust.hpp"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

namespace fd2::loader {

namespace {

failure refused(const std::string& component, const std::string& why, const std::string& mend) {
    return {errc::denied, EPERM, "plugin refused: " + component + ": " + why + "; " + mend};
}

bool is_trusted_owner(const struct stat& status, const trusted_party& party) {
    return status.st_uid == 0 || status.st_uid == ::geteuid() ||
           (party.owner >= 0 && status.st_uid == static_cast<uid_t>(party.owner));
}

status check(const std::string& component, const struct stat& status, const trusted_party& party) {
    if (!is_trusted_owner(status, party)) {
        return refused(component,
                       "owned by uid " + std::to_string(status.st_uid) + ", neither root nor you",
                       "run: chown root " + component);
    }
    const bool sticky = S_ISDIR(status.st_mode) && (status.st_mode & S_ISVTX) != 0;
    const bool group =
        (status.st_mode & S_IWGRP) != 0 &&
        !(party.writable_group >= 0 && status.st_gid == static_cast<gid_t>(party.writable_group));
    if (!sticky && (group || (status.st_mode & S_IWOTH) != 0)) {
        return refused(component, "writable by others", "run: chmod go-w " + component);
    }
    return {};
}

status check_directories(const std::string& resolved, const trusted_party& party) {
    for (std::size_t slash = 0; slash != std::string::npos; slash = resolved.find('/', slash + 1)) {
        const std::string directory = slash == 0 ? "/" : resolved.substr(0, slash);
        struct stat status {};
        if (::lstat(directory.c_str(), &status) != 0) {
            return system_failure("lstat", directory, errno);
        }
        if (!S_ISDIR(status.st_mode)) {
            return refused(directory, "changed while it was checked", "try again");
        }
        if (auto good = check(directory, status, party); !good) return good;
    }
    return {};
}

}  // namespace

trusted_party party_of(const char* file) noexcept {
    trusted_party party;
    struct stat status {};
    if (::stat(file, &status) == 0) {
        party.owner = static_cast<long>(status.st_uid);
        if ((status.st_mode & S_IWGRP) != 0)
            party.writable_group = static_cast<long>(status.st_gid);
    }
    return party;
}

bool has_raised_privileges() noexcept {
    return ::getauxval(AT_SECURE) != 0;
}

status check_directory(const std::string& path, const trusted_party& party) {
    const std::unique_ptr<char, decltype(&::free)> resolved(::realpath(path.c_str(), nullptr),
                                                            &::free);
    if (!resolved) return system_failure("realpath", path, errno);
    const std::string directory = resolved.get();
    return check_directories(directory == "/" ? directory : directory + "/", party);
}

result<unique_fd> open_plugin(const std::string& path, trust word, const trusted_party& party) {
    std::string opened = path;
    if (word == trust::verified) {
        const std::unique_ptr<char, decltype(&::free)> resolved(::realpath(path.c_str(), nullptr),
                                                                &::free);
        if (!resolved) {
            failure why = system_failure("open plugin", path, errno);
            if (why.sys_errno == ENOENT || why.sys_errno == ENOTDIR) why.code = errc::unsupported;
            return why;
        }
        opened = resolved.get();
        // Once every directory above is writable by trusted parties only, nobody else can exchange
        // what the names below it mean.
        if (auto good = check_directories(opened, party); !good) return std::move(good).error();
    }
    const int follow = word == trust::verified ? O_NOFOLLOW : 0;
    unique_fd file(::open(opened.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | follow));
    if (!file) {
        failure why = system_failure("open plugin", path, errno);
        if (why.sys_errno == ENOENT || why.sys_errno == ENOTDIR) why.code = errc::unsupported;
        return why;
    }
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return system_failure("fstat", opened, errno);
    if (!S_ISREG(status.st_mode)) {
        return failure{errc::denied, 0, "plugin refused: " + opened + ": not a regular file"};
    }
    if (word == trust::verified) {
        if (auto good = check(opened, status, party); !good) return std::move(good).error();
        if ((status.st_mode & (S_ISUID | S_ISGID)) != 0) {
            return refused(opened, "has a set-id bit", "run: chmod ug-s " + opened);
        }
        struct statvfs mount {};
        if (::fstatvfs(file.get(), &mount) == 0 && (mount.f_flag & ST_NOEXEC) != 0) {
            return refused(opened, "lies on a mount with noexec", "install the plugin elsewhere");
        }
    }
    return file;
}

}  // namespace fd2::loader
