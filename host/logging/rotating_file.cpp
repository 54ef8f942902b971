#include "logging/rotating_file.hpp"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <utility>

namespace fd2::logging {
namespace {

int open_to_append(const std::string& path, int extra) noexcept {
    // Non-blocking: a FIFO without a reader fails with ENXIO instead of waiting for one, and a
    // stuck one answers EAGAIN. The description is our own, so nobody else is affected.
    constexpr int flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    for (;;) {
        const int fd = ::open(path.c_str(), flags | extra, 0640);
        if (fd >= 0 || errno != EINTR) return fd;
    }
}

bool same_file(const struct stat& a, const struct stat& b) noexcept {
    return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/// Held while files are renamed, so that of several processes one rotates. Advisory and never
/// waited for: where it cannot be had somebody else is at it.
class rotation_lock {
  public:
    explicit rotation_lock(int fd) noexcept
        : fd_(fd), held_(::flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) {}
    ~rotation_lock() {
        if (held_) ::flock(fd_, LOCK_UN);
    }
    rotation_lock(const rotation_lock&) = delete;
    rotation_lock& operator=(const rotation_lock&) = delete;
    bool held() const noexcept { return held_; }

  private:
    int fd_;
    bool held_;
};

}  // namespace

result<rotating_file> rotating_file::open(const std::string& path, const limits& how) {
    rotating_file made;
    made.limits_ = how;
    made.path_ = path;
    if (!path.starts_with('/')) {  // the program may change its directory later
        const std::unique_ptr<char, decltype(&::free)> here(::getcwd(nullptr, 0), &::free);
        if (!here) return system_failure("getcwd", path, errno);
        made.path_ = std::string(here.get()) + '/' + path;
    }
    if (status opened = made.open_path(); !opened) return std::move(opened).error();
    return made;
}

status rotating_file::open_path() {
    unique_fd fresh(open_to_append(path_, O_CREAT));
    if (!fresh) return system_failure("open", path_, errno);
    struct stat st {};
    if (::fstat(fresh.get(), &st) != 0) return system_failure("fstat", path_, errno);
    struct stat before {};
    const bool same = fd_ && ::fstat(fd_.get(), &before) == 0 && same_file(before, st);
    fd_ = std::move(fresh);
    regular_ = S_ISREG(st.st_mode);
    torn_ = torn_ && same;
    want_new_ = false;
    retry_at_ = 0;
    // A symbolic link stays one: its target is what gets renamed.
    const std::unique_ptr<char, decltype(&::free)> real(::realpath(path_.c_str(), nullptr),
                                                        &::free);
    target_ = real ? real.get() : path_;
    return {};
}

status rotating_file::reopen() {
    return open_path();
}

void rotating_file::note(bool& said, std::string text) {
    if (!std::exchange(said, true)) notes_.push_back(std::move(text));
}

std::vector<std::string> rotating_file::take_notes() {
    return std::exchange(notes_, {});
}

std::string rotating_file::numbered(unsigned number) const {
    return number == 0 ? target_ : target_ + '.' + std::to_string(number);
}

/// Whether our file lies where rotations put it, logrotate's or another process's. Files only move
/// upwards, so one pass upwards does not miss it.
bool rotating_file::is_rotated(const struct stat& mine) const {
    struct stat named {};
    for (unsigned number = 1; number <= limits_.keep; ++number) {
        if (::stat(numbered(number).c_str(), &named) == 0 && same_file(mine, named)) return true;
    }
    return false;
}

/// Makes sure that we write to the file that has the name, as far as the class contract wants
/// it, and tells its size. False: it cannot be told, write on.
bool rotating_file::settle_identity(std::uint64_t& size) {
    struct stat mine {};
    if (::fstat(fd_.get(), &mine) != 0) return false;
    size = static_cast<std::uint64_t>(mine.st_size);
    struct stat named {};
    if (::stat(target_.c_str(), &named) == 0) {
        if (same_file(mine, named)) return true;
        // Somebody rotated it and made a new one.
    } else if (errno != ENOENT) {
        return true;
    } else if (mine.st_nlink == 0) {
        note(said_moved_, "log file: " + path_ + ": it was deleted and is made again");
    } else if (!want_new_) {
        if (!said_moved_ && !is_rotated(mine)) {
            note(said_moved_,
                 "log file: " + path_ + ": it was renamed; written on until it is reopened");
        }
        return true;
    }
    if (status opened = open_path(); !opened) {
        note(said_open_, "log file: " + opened.error().message);
        return true;
    }
    if (::fstat(fd_.get(), &mine) != 0) return false;
    size = static_cast<std::uint64_t>(mine.st_size);
    return true;
}

/// FILE to FILE.1 and so on, then a new FILE. False: it could not be, or another process is
/// doing it; the present file is written on.
bool rotating_file::rotate() {
    unique_fd old;  // outlives the lock, which is on its description
    const rotation_lock lock(fd_.get());
    if (!lock.held()) return false;
    struct stat mine {};
    struct stat named {};
    if (::fstat(fd_.get(), &mine) != 0 || ::stat(target_.c_str(), &named) != 0 ||
        !same_file(mine, named)) {
        return false;  // done by another process just now; the next write goes to the new file
    }
    int failed = 0;
    if (limits_.keep == 0) {
        if (::unlink(target_.c_str()) != 0) failed = errno;
    }
    // Up to the first free number, or over the oldest: the work is that of the files that exist.
    unsigned slot = 1;
    while (slot < limits_.keep && ::lstat(numbered(slot).c_str(), &named) == 0) ++slot;
    for (unsigned number = std::min(slot, limits_.keep); number-- > 0 && failed == 0;) {
        const std::string from = numbered(number), to = numbered(number + 1);
        if (::rename(from.c_str(), to.c_str()) != 0 && (number == 0 || errno != ENOENT)) {
            failed = errno;
        }
    }
    if (failed != 0) {
        note(said_rotation_, system_failure("rotate log file", path_, failed).message);
        return false;
    }
    unique_fd fresh(open_to_append(target_, O_CREAT));
    if (!fresh) {
        note(said_open_, system_failure("open log file", path_, errno).message);
        want_new_ = true;
        return false;
    }
    old = std::move(fd_);
    fd_ = std::move(fresh);
    torn_ = false;
    ++rotations_;
    return true;
}

/// Writes all of `bytes`, counting in `done`. Returns 0 or an errno.
int rotating_file::put(std::string_view bytes, std::size_t& done, const waiter& wait) {
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

rotating_file::outcome rotating_file::write(std::string_view bytes,
                                            std::span<const std::size_t> ends, const waiter& wait) {
    outcome out;
    std::size_t at = 0;
    while (out.records < ends.size()) {
        std::uint64_t size = 0;
        const bool known = regular_ && settle_identity(size);
        const bool rotates = known && limits_.max_size != 0 && size >= retry_at_;
        std::size_t last = out.records;  // one behind the records of this piece
        if (regular_ && !rotates) {
            last = ends.size();
        } else if (regular_) {
            while (last < ends.size() && size + (ends[last] - at) <= limits_.max_size) ++last;
            if (last == out.records && size > 0) {
                if (rotate()) continue;
                retry_at_ = size + limits_.max_size;
                continue;
            }
        } else {
            // Up to PIPE_BUF a pipe takes all or nothing: no torn records, whoever else writes.
            while (last < ends.size() && ends[last] - at <= PIPE_BUF) ++last;
        }
        last = std::max(last, out.records + 1);

        if (torn_) {
            std::size_t newline = 0;
            if ((out.error = put("\n", newline, wait)) != 0) return out;
            torn_ = false;
        }
        std::size_t done = 0;
        out.error = put(bytes.substr(at, ends[last - 1] - at), done, wait);
        at += done;
        while (out.records < last && ends[out.records] <= at) ++out.records;
        if (out.error != 0) {
            torn_ = at != (out.records == 0 ? 0 : ends[out.records - 1]);
            return out;
        }
    }
    return out;
}

}  // namespace fd2::logging
