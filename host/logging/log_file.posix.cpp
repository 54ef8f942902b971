#include "logging/log_file.hpp"

#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "base/files.posix.hpp"

namespace fd2::logging {
namespace {

unique_fd open_to_append(const log_path& at, int extra, mode_t mode = 0) noexcept {
    // Non-blocking: a FIFO without a reader fails with ENXIO instead of waiting for one, and a
    // stuck one answers EAGAIN. The description is our own, so nobody else is affected.
    constexpr int flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    const int follow = at.descriptor ? 0 : O_NOFOLLOW;
    for (;;) {
        const int fd = ::openat(at.directory.get(), at.name.c_str(), flags | follow | extra, mode);
        if (fd >= 0 || errno != EINTR) return unique_fd(fd);
    }
}

/// Whether something has the name, and what.
bool has_name(const log_path& at, const std::string& name, struct stat& about) noexcept {
    return ::fstatat(at.directory.get(), name.c_str(), &about, AT_SYMLINK_NOFOLLOW) == 0;
}

}  // namespace

const std::size_t in_one_piece = PIPE_BUF;

/// Opens FILE, or makes it: like the one that is open now, if there is one.
unique_fd log_file::open_or_create(const log_path& at) const {
    struct stat before {};
    const bool had = fd_ && ::fstat(fd_.get(), &before) == 0;
    for (;;) {
        unique_fd fresh = open_to_append(at, 0);
        if (fresh || errno != ENOENT) return fresh;
        fresh = open_to_append(at, O_CREAT | O_EXCL, had ? 0600 : 0640);
        if (fresh && had) adopt_attributes(fresh.get(), before);
        if (fresh || errno != EEXIST) return fresh;
    }
}

status log_file::open_path() {
    auto at = resolve_log_path(path_);
    if (!at) return std::move(at).error();
    unique_fd fresh = open_or_create(*at);
    if (!fresh) return system_failure("open", path_, errno);
    struct stat about {};
    if (::fstat(fresh.get(), &about) != 0) return system_failure("fstat", path_, errno);
    fd_ = std::move(fresh);
    at_ = std::move(*at);
    regular_ = S_ISREG(about.st_mode) && !at_.descriptor;
    torn_ = want_new_ = false;
    retry_at_ = 0;
    return {};
}

/// Whether the file is there and is no log of ours.
bool log_file::is_foreign(const std::string& name) const noexcept {
    const unique_fd fd(::openat(at_.directory.get(), name.c_str(),
                                O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    if (!fd) return errno != ENOENT;
    struct stat about {};
    std::array<char, log_begins.size()> begin;
    return ::fstat(fd.get(), &about) != 0 || !S_ISREG(about.st_mode) ||
           ::pread(fd.get(), begin.data(), begin.size(), 0) != static_cast<ssize_t>(begin.size()) ||
           std::string_view(begin.data(), begin.size()) != log_begins;
}

/// Makes sure that we write to the file that has the name now (see the class), and finds its size.
/// False: the size is not known; write to the present file.
bool log_file::settle_identity(std::uint64_t& size) {
    struct stat mine {};
    struct stat named {};
    const auto tell_size = [&] {
        if (::fstat(fd_.get(), &mine) != 0) return false;
        size = static_cast<std::uint64_t>(mine.st_size);
        return true;
    };
    if (!tell_size()) return false;
    if (has_name(at_, at_.name, named)) {
        if (same_file(mine, named)) return true;
        // Somebody rotated it and made a new one.
    } else if (errno != ENOENT || (mine.st_nlink != 0 && !want_new_)) {
        return true;
    } else if (mine.st_nlink == 0) {
        note(deletion, path_ + ": deleted; created again");
    }
    if (status opened = open_path(); !opened) {
        note(opening, opened.error().message);
        return true;
    }
    return tell_size();
}

/// Renames FILE to FILE.1 and so on, then makes a new FILE. False: that failed, or another process
/// is doing it; write to the present file.
bool log_file::rotate() {
    // So that of several processes one rotates. Advisory and never waited for: where it cannot be
    // had somebody else is at it.
    if (::flock(fd_.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) return false;
    unique_fd fresh = make_successor();
    ::flock(fd_.get(), LOCK_UN);
    if (!fresh) return false;
    fd_ = std::move(fresh);
    torn_ = false;
    return true;
}

unique_fd log_file::make_successor() {
    struct stat mine {};
    struct stat named {};
    const int directory = at_.directory.get();
    if (::fstat(fd_.get(), &mine) != 0 || !has_name(at_, at_.name, named) ||
        !same_file(mine, named)) {
        return {};  // done by another process just now; the next write goes to the new file
    }
    // Up to the first free number, or over the oldest: the work is that of the files that exist.
    unsigned slot = std::min(1U, keep_);
    while (slot < keep_ && has_name(at_, numbered(slot), named)) ++slot;
    for (unsigned number = 0; number <= slot; ++number) {
        if (!is_foreign(numbered(number))) continue;
        note(rotation, path_ + ": not rotated: " + numbered(number) +
                           " is not an fd2 log, or cannot be read");
        return {};
    }
    int failed = 0;
    if (keep_ == 0 && ::unlinkat(directory, at_.name.c_str(), 0) != 0) failed = errno;
    for (unsigned number = slot; number-- > 0 && failed == 0;) {
        const std::string old_name = numbered(number), new_name = numbered(number + 1);
        if (::renameat(directory, old_name.c_str(), directory, new_name.c_str()) != 0 &&
            (number == 0 || errno != ENOENT)) {
            failed = errno;
        }
    }
    if (failed != 0) {
        note(rotation, system_failure("rotate", path_, failed).message);
        return {};
    }
    unique_fd fresh = open_or_create(at_);
    if (!fresh) {
        want_new_ = true;
        note(opening, system_failure("open", path_, errno).message);
    }
    return fresh;
}

/// Writes all of `bytes`, counting in `done`. Returns 0 or an errno.
int log_file::put(std::string_view bytes, std::size_t& done, const waiter& wait) {
    nanoseconds_t since = never;
    while (!bytes.empty()) {
        const ssize_t n = ::write(fd_.get(), bytes.data(), bytes.size());
        if (n > 0) {
            done += static_cast<std::size_t>(n);
            bytes.remove_prefix(static_cast<std::size_t>(n));
            since = never;
        } else if (n == 0) {
            return ENOSPC;  // no device that can be appended to does this; never spin on one
        } else if (errno == EAGAIN) {
            if (since == never) since = now();
            if (!wait(fd_.get(), since)) return EAGAIN;
        } else if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

}  // namespace fd2::logging
