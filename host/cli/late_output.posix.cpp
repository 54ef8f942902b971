#include "cli/late_output.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

#include "base/files.posix.hpp"
#include "base/signal_mask.hpp"

namespace fd2::cli {
namespace {

/// The descriptor that a path stands for, as shells have it.
std::optional<int> descriptor_of(std::string_view path) {
    if (path == "/dev/stdin") return STDIN_FILENO;
    if (path == "/dev/stdout" || path == "-") return STDOUT_FILENO;
    if (path == "/dev/stderr") return STDERR_FILENO;
    for (const std::string_view prefix : {"/dev/fd/", "/proc/self/fd/"}) {
        if (!path.starts_with(prefix)) continue;
        const char* const end = path.data() + path.size();
        int fd = -1;
        const auto [stop, failed] = std::from_chars(path.data() + prefix.size(), end, fd);
        if (failed == std::errc() && stop == end && fd >= 0) return fd;
    }
    return std::nullopt;
}

/// Whether we were given it, to write to. What we have opened ourselves is close-on-exec from
/// birth, and nothing comes through an exec that is.
status check_given(const std::string& option, const std::string& name, int fd) {
    const int flags = ::fcntl(fd, F_GETFD);
    const int mode = ::fcntl(fd, F_GETFL);
    const std::string advice = "open it for writing: " + std::to_string(fd) + ">FILE";
    if (flags < 0 || (flags & FD_CLOEXEC) != 0) {
        return advise({errc::config, EBADF, option + ": " + name + " is not open (EBADF)"}, advice);
    }
    if ((mode & O_ACCMODE) == O_RDONLY) {
        return advise({errc::config, EBADF, option + ": " + name + " is open for reading only"},
                      advice);
    }
    return {};
}

}  // namespace

struct late_output::model {
    struct stat status {};
};

late_output::late_output() = default;
late_output::~late_output() = default;

status late_output::open(const std::string& option, const std::string& path) {
    option_ = option;
    name_ = path;
    if (const auto fd = descriptor_of(path)) return duplicate(*fd);
    return open_file(path);
}

status late_output::take(const std::string& option, int fd) {
    option_ = option;
    name_ = "descriptor " + std::to_string(fd);
    if (fd <= STDERR_FILENO) return duplicate(fd);
    if (auto good = check_given(option_, name_, fd); !good) return good;
    if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return system_failure(option_, name_, errno);
    file_ = unique_fd(fd);
    kind_ = kind::as_it_is;
    writer_ = forward::open_writer(file_.get()).writer;
    return {};
}

status late_output::duplicate(int fd) {
    if (auto good = check_given(option_, name_, fd); !good) return good;
    const int ours = ::fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (ours < 0) return system_failure(option_, name_, errno);
    file_ = unique_fd(ours);
    kind_ = kind::as_it_is;
    writer_ = forward::open_writer(file_.get()).writer;
    return {};
}

status late_output::open_file(const std::string& path) {
    const auto failed = [&](int error) { return system_failure(option_ + ": open", name_, error); };
    constexpr int flags = O_WRONLY | O_CLOEXEC | O_NOCTTY;
    file_.reset(::open(path.c_str(), flags));
    if (!file_ && errno != ENOENT) return failed(errno);
    if (!file_ && ::faccessat(AT_FDCWD, path.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0) {
        // A link to nothing yet: what it leads to is made, as a shell would.
        file_.reset(::open(path.c_str(), flags | O_CREAT, 0666));
        if (!file_) return failed(errno);
    }
    existed_ = static_cast<bool>(file_);
    like_ = std::make_unique<model>();
    if (existed_ && ::fstat(file_.get(), &like_->status) != 0) return failed(errno);
    if (existed_ && !S_ISREG(like_->status.st_mode)) {
        kind_ = kind::as_it_is;
        writer_ = forward::open_writer(file_.get()).writer;
        return {};
    }

    target_ = path;
    if (existed_) {
        auto resolved = real_path(path);
        if (!resolved) return failed(resolved.error().sys_errno);
        target_ = std::move(*resolved);
    }
    beside_ = target_.substr(0, target_.rfind('/') + 1) + ".fd2" + option_ + "-" +
              std::to_string(::getpid());
    unique_fd trial(create_beside());
    const int error = errno;
    if (trial) ::unlink(beside_.c_str());
    if (!existed_ && !trial) return failed(error);
    if (existed_ && (!trial || like_->status.st_nlink > 1 || ::unlink(target_.c_str()) != 0)) {
        kind_ = kind::in_place;
        if (::ftruncate(file_.get(), 0) != 0) return failed(errno);
    } else {
        kind_ = kind::beside;
        file_ = std::move(trial);  // kept: `begin` needs a descriptor, and there may be no other
    }
    return {};
}

/// The new file, empty, with the owner and mode that it is to have; -1 with errno.
int late_output::create_beside() noexcept {
    constexpr int flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;
    int fd = -1;
    for (int tries = 0; fd < 0 && tries < 2; ++tries) {
        fd = ::open(beside_.c_str(), flags, existed_ ? 0600 : 0666);
        // One of a process that had our number and was killed.
        if (fd < 0 && (errno != EEXIST || ::unlink(beside_.c_str()) != 0)) return -1;
    }
    if (fd >= 0 && existed_ && !adopt_attributes(fd, like_->status)) {
        const int error = errno;
        ::close(fd);
        ::unlink(beside_.c_str());
        errno = error;
        return -1;
    }
    return fd;
}

void late_output::begin(const patience& waiting) noexcept {
    patience_ = &waiting;
    error_ = 0;
    filled_ = 0;
    if (kind_ != kind::beside) return;
    file_.reset();
    file_.reset(create_beside());
    if (!file_) error_ = errno;
}

void late_output::put(std::string_view text) noexcept {
    while (!text.empty() && error_ == 0) {
        if (filled_ == buffer_.size()) flush();
        const std::size_t size = std::min(text.size(), buffer_.size() - filled_);
        std::memcpy(buffer_.data() + filled_, text.data(), size);
        filled_ += size;
        text.remove_prefix(size);
    }
}

void late_output::flush() noexcept {
    std::string_view left(buffer_.data(), filled_);
    nanoseconds_t since = now();
    while (!left.empty() && error_ == 0) {
        const std::size_t before = left.size();
        const int refused = write_some(left);
        if (left.size() != before) since = now();
        if (refused == EPIPE) swallow_signal(SIGPIPE);
        if (refused == EFBIG) swallow_signal(SIGXFSZ);
        error_ = refused == EAGAIN ? wait_for_reader(since) : refused;
    }
    filled_ = 0;
}

/// Removes from `text` what was written. Returns 0, EAGAIN or another errno.
int late_output::write_some(std::string_view& text) noexcept {
    if (kind_ == kind::as_it_is && (!writer_ || writer_->blocks())) {
        pollfd writable{file_.get(), POLLOUT,
                        0};  // nothing better can be had: asked before each write
        if (::poll(&writable, 1, 0) == 0) return EAGAIN;
    }
    if (!writer_) {
        const ssize_t done = ::write(file_.get(), text.data(), text.size());
        if (done < 0) return errno == EINTR ? 0 : errno;
        text.remove_prefix(static_cast<std::size_t>(done));
        return done == 0 ? ENOSPC : 0;
    }
    const forward::part part{text.data(), std::min(text.size(), writer_->limit())};
    const forward::sent sent = writer_->write(&part, 1);
    text.remove_prefix(sent.bytes);
    return sent.error == 0 && sent.bytes < part.size ? EAGAIN : sent.error;
}

/// Waits until more can be written. Returns 0, or why the report ends here.
int late_output::wait_for_reader(nanoseconds_t since) noexcept {
    const nanoseconds_t until = after(since, patience_->stall), present = now();
    if (present >= until) return ETIMEDOUT;
    const int where = writer_ && writer_->wait_fd() >= 0 ? writer_->wait_fd() : file_.get();
    pollfd both[2] = {{where, POLLOUT, 0}, {patience_->descriptor, POLLIN, 0}};
    const int ready = ::poll(both, 2, poll_timeout(until, present));
    if (ready < 0 && errno != EINTR) return errno;
    if (ready > 0 && both[1].revents != 0 && patience_->serve && patience_->serve()) return EINTR;
    return 0;
}

void late_output::finish(observer& watch) noexcept {
    if (error_ == 0) flush();
    if (kind_ == kind::in_place && error_ != 0) {
        [[maybe_unused]] const int gone = ::ftruncate(file_.get(), 0);  // whole, or nothing
    }
    if (kind_ == kind::beside && file_) {
        file_.reset();
        if (error_ == 0 && ::rename(beside_.c_str(), target_.c_str()) != 0) error_ = errno;
        if (error_ != 0) ::unlink(beside_.c_str());
    }
    if (error_ == 0) return;
    try {
        std::string text;
        if (error_ == ETIMEDOUT) {
            text = option_ + ": write: " + name_ + ": no one is reading; the report is incomplete";
        } else if (error_ == EINTR) {
            text = option_ + ": write: " + name_ + ": interrupted by a signal";
        } else {
            text = system_failure(option_ + ": write", name_, error_).message;
        }
        watch.on_event({severity::error, text});
    } catch (...) {
        // Out of memory: a message is lost, nothing else.
    }
}

}  // namespace fd2::cli
