#include "base/trust.posix.hpp"

#include <sys/auxv.h>
#include <unistd.h>

#include <cerrno>

namespace fd2 {
namespace {

/// Whoever owns `/` can replace everything below it. That is root, or in a user namespace whoever
/// stands for it: where root is not mapped, its files belong to the overflow uid there (65534).
bool owns_the_root_directory(uid_t uid) {
    struct stat root {};
    return ::stat("/", &root) == 0 && root.st_uid == uid;
}

bool is_trusted_owner(const struct stat& about, const trusted_owner& owner) {
    return about.st_uid == 0 || about.st_uid == ::geteuid() ||
           (owner.uid >= 0 && about.st_uid == static_cast<uid_t>(owner.uid)) ||
           owns_the_root_directory(about.st_uid);
}

}  // namespace

trusted_owner trusted_owner_of(const char* file) noexcept {
    trusted_owner owner;
    struct stat about {};
    if (::stat(file, &about) == 0) {
        owner.uid = static_cast<long>(about.st_uid);
        if ((about.st_mode & S_IWGRP) != 0) owner.writable_group = static_cast<long>(about.st_gid);
    }
    return owner;
}

std::optional<distrust> distrust_of(const std::string& component, const struct stat& about,
                                    const trusted_owner& owner) {
    if (!is_trusted_owner(about, owner)) {
        return distrust{component,
                        "owned by uid " + std::to_string(about.st_uid) + ", neither root nor you",
                        "run: chown root " + component};
    }
    const bool sticky = S_ISDIR(about.st_mode) && (about.st_mode & S_ISVTX) != 0;
    const bool group =
        (about.st_mode & S_IWGRP) != 0 &&
        !(owner.writable_group >= 0 && about.st_gid == static_cast<gid_t>(owner.writable_group));
    if (!sticky && (group || (about.st_mode & S_IWOTH) != 0)) {
        return distrust{component, "writable by others", "run: chmod go-w " + component};
    }
    return std::nullopt;
}

std::optional<distrust> distrust_of_open(const std::string& component, int fd,
                                         const trusted_owner& owner) {
    struct stat about {};
    if (::fstat(fd, &about) != 0) {
        return distrust{component, system_failure("fstat", "", errno).message, ""};
    }
    return distrust_of(component, about, owner);
}

std::optional<distrust> distrust_above(const std::string& resolved, const trusted_owner& owner) {
    for (std::size_t slash = 0; slash != std::string::npos; slash = resolved.find('/', slash + 1)) {
        const std::string directory = slash == 0 ? "/" : resolved.substr(0, slash);
        struct stat about {};
        if (::lstat(directory.c_str(), &about) != 0) {
            return distrust{directory, system_failure("lstat", "", errno).message, ""};
        }
        if (!S_ISDIR(about.st_mode)) {
            return distrust{directory, "changed while it was checked", "try again"};
        }
        if (auto found = distrust_of(directory, about, owner)) return found;
    }
    return std::nullopt;
}

bool others_can_write(const struct stat& directory) noexcept {
    return !is_trusted_owner(directory, {}) || (directory.st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

bool has_raised_privileges() noexcept {
    return ::getauxval(AT_SECURE) != 0;
}

}  // namespace fd2
