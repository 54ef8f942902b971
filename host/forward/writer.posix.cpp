// How our stderr is written without ever blocking and without touching a flag that others share.
//
// The problem. O_NONBLOCK is no property of a descriptor but of the open file description behind
// it, and ours is shared with whoever started us. In
//
//     (fd2 run -- ssh host; cat big-file) 2>&1 | less
//
// setting it for fd 2 would set it for `cat` as well, which then dies of EAGAIN.
//
// The trick, for pipes and terminals. Opening /proc/self/fd/2 does not duplicate the descriptor: it
// opens the same pipe or terminal once more and makes a new description with flags of its own. That
// one may be non-blocking: nobody else has it, and it is closed with us. (libuv opens terminals
// anew for the same reason.) The bytes go where they would have gone through fd 2, in the same
// order, because neither object has an offset.
//
// Where it does not do:
// - A socket cannot be opened (ENXIO), but sendmsg has a flag for one call alone, MSG_DONTWAIT.
// - A file has an offset, which a new description would begin at 0: it would overwrite what others
//   wrote. Files do not block in the sense that matters; they are written as they are.
// - The master side of a pty would become another, new pty, which nobody reads.
// - Another user's object (su, sudo) says EACCES, and /proc may be missing. A pipe is then written
//   by splice(2) from a private pipe, which also has a flag for one call. For a terminal there is
//   nothing of the kind: a thread writes, may hang there for as long as Ctrl-S lasts, and is
//   cancelled in the end.
#include "forward/writer.hpp"

#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

#include "base/unique_fd.hpp"

namespace fd2::forward {
namespace {

using vectors = std::array<iovec, max_parts>;

/// The parts as the system calls take them.
vectors vectors_of(const part* parts, int count) noexcept {
    vectors out;
    for (int i = 0; i < count; ++i) {
        const part& one = parts[i];
        out[static_cast<std::size_t>(i)] = {const_cast<void*>(one.data), one.size};
    }
    return out;
}

/// write(2), and what its result says.
sent write_parts(int fd, const part* parts, int count) {
    const vectors all = vectors_of(parts, count);
    for (;;) {
        const ssize_t n =
            count == 1 ? ::write(fd, parts->data, parts->size) : ::writev(fd, all.data(), count);
        if (n >= 0) return {static_cast<std::size_t>(n), 0};
        if (errno == EINTR) continue;
        return {0, errno == EWOULDBLOCK ? EAGAIN : errno};
    }
}

/// The descriptor itself, which waits as its object wants: files, /dev/null, the rest.
class plain_writer final : public writer {
  public:
    explicit plain_writer(int fd) noexcept : fd_(fd) {}

    sent write(const part* parts, int count) override { return write_parts(fd_, parts, count); }
    // Files are always ready; a device whose shared description happens to be non-blocking is not.
    int wait_fd() const noexcept override { return fd_; }
    std::string_view name() const noexcept override { return "plain"; }

  private:
    int fd_;
};

/// A private, non-blocking description of the same pipe, FIFO or terminal.
class reopened_writer final : public writer {
  public:
    reopened_writer(unique_fd own, bool terminal) noexcept
        : own_(std::move(own)), terminal_(terminal) {}

    sent write(const part* parts, int count) override {
        return write_parts(own_.get(), parts, count);
    }
    int wait_fd() const noexcept override { return own_.get(); }
    std::size_t atomic_limit() const noexcept override { return terminal_ ? 0 : PIPE_BUF; }
    std::string_view name() const noexcept override { return "reopened"; }

  private:
    unique_fd own_;
    bool terminal_;
};

/// sendmsg with MSG_DONTWAIT and MSG_NOSIGNAL, on the descriptor itself.
class socket_writer final : public writer {
  public:
    explicit socket_writer(int fd) noexcept : fd_(fd) {}

    sent write(const part* parts, int count) override {
        for (;;) {
            vectors cut;
            msghdr message{};
            message.msg_iov = cut.data();
            // An int or a size_t, by the C library.
            message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(fit(parts, count, cut));
            const ssize_t n = ::sendmsg(fd_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
            if (n >= 0) return {static_cast<std::size_t>(n), 0};
            if (errno == EINTR) continue;
            // Sockets that keep message boundaries refuse what exceeds their buffer; a stream
            // socket never says this.
            if (errno == EMSGSIZE && limit_ > smallest_message) {
                limit_ /= 2;
                continue;
            }
            // Full datagram receivers and network queues: as passing as a full buffer.
            if (errno == EWOULDBLOCK || errno == ENOBUFS) return {0, EAGAIN};
            return {0, errno};
        }
    }

    int wait_fd() const noexcept override { return fd_; }
    std::string_view name() const noexcept override { return "socket"; }

  private:
    static constexpr std::size_t smallest_message = 512;

    /// Copies as many of the parts to `cut` as `limit_` allows; their number.
    std::size_t fit(const part* parts, int count, vectors& cut) const {
        std::size_t used = 0;
        std::size_t left = limit_;
        for (int i = 0; i < count && left > 0; ++i) {
            cut[used].iov_base = const_cast<void*>(parts[i].data);
            cut[used].iov_len = std::min(parts[i].size, left);
            left -= cut[used].iov_len;
            ++used;
        }
        return used;
    }

    int fd_;
    std::size_t limit_ = std::size_t{1} << 20;
};

/// For a pipe that cannot be opened anew: splice from a private pipe.
class splice_writer final : public writer {
  public:
    splice_writer(int fd, unique_fd out, unique_fd in) noexcept
        : fd_(fd), out_(std::move(out)), in_(std::move(in)) {}

    /// The private pipe is empty between calls: what the target did not take is read back and
    /// forgotten, so that dropping queued bytes needs no word to the writer.
    sent write(const part* parts, int count) override {
        const vectors all = vectors_of(parts, count);
        ssize_t staged = 0;
        do {
            staged = ::writev(in_.get(), all.data(), count);
        } while (staged < 0 && errno == EINTR);
        if (staged < 0) return {0, errno == EWOULDBLOCK ? EIO : errno};  // it was empty
        const auto whole_size = static_cast<std::size_t>(staged);
        std::size_t moved = 0;
        int error = 0;
        while (moved < whole_size && error == 0) {
            const ssize_t n =
                ::splice(out_.get(), nullptr, fd_, nullptr, whole_size - moved, SPLICE_F_NONBLOCK);
            if (n > 0) {
                moved += static_cast<std::size_t>(n);
            } else if (n == 0) {
                error = EIO;  // our own pipe holds bytes and its writer: cannot be
            } else if (errno != EINTR) {
                error = errno == EWOULDBLOCK ? EAGAIN : errno;
            }
        }
        discard(whole_size - moved);
        return {moved, error};
    }

    int wait_fd() const noexcept override { return fd_; }
    std::size_t limit() const noexcept override { return private_capacity; }
    std::size_t atomic_limit() const noexcept override { return PIPE_BUF; }
    std::string_view name() const noexcept override { return "splice"; }

  private:
    // A default pipe; a smaller one (pipe-user-pages-soft) stages less a call.
    static constexpr std::size_t private_capacity = std::size_t{64} << 10;

    void discard(std::size_t size) noexcept {
        std::array<char, 4096> scratch;
        while (size > 0) {
            const ssize_t n = ::read(out_.get(), scratch.data(), std::min(size, scratch.size()));
            if (n > 0) {
                size -= static_cast<std::size_t>(n);
            } else if (n == 0 || errno != EINTR) {
                return;
            }
        }
    }

    int fd_;
    unique_fd out_;
    unique_fd in_;
};

/// Lets pthread_cancel end the calls made in its scope, and only those.
class cancellable {
  public:
    cancellable() { ::pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, nullptr); }
    ~cancellable() { ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr); }
    cancellable(const cancellable&) = delete;
    cancellable& operator=(const cancellable&) = delete;
};

/// A terminal that cannot be opened anew, and objects of unknown kind: writes that block, in small
/// pieces, cancellable. poll(2) promises nothing for it.
class terminal_writer final : public writer {
  public:
    explicit terminal_writer(int fd) noexcept : fd_(fd) {}

    sent write(const part* parts, int count) override {
        const vectors all = vectors_of(parts, count);
        for (;;) {
            ssize_t n = 0;
            {
                const cancellable here;
                n = ::writev(fd_, all.data(), count);
            }
            if (n >= 0) return {static_cast<std::size_t>(n), 0};
            if (errno == EINTR) continue;
            return {0, errno == EWOULDBLOCK ? EAGAIN : errno};
        }
    }

    int wait_fd() const noexcept override { return fd_; }
    bool blocks() const noexcept override { return true; }
    // What abandoning leaves in doubt is one such piece; the kernel's own pieces are 2 KiB.
    std::size_t limit() const noexcept override { return 1024; }
    std::string_view name() const noexcept override { return "terminal"; }

  private:
    int fd_;
};

/// Whether both descriptors lead to the same object: /proc may be something else than procfs.
bool same_object(int one, int other) {
    struct stat a {};
    struct stat b {};
    return ::fstat(one, &a) == 0 && ::fstat(other, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino && a.st_rdev == b.st_rdev;
}

/// A new description of the object behind `fd`; empty with errno.
unique_fd reopen(int fd) {
    std::array<char, 32> path{};
    std::snprintf(path.data(), path.size(), "/proc/self/fd/%d", fd);
    unique_fd own;
    do {
        own.reset(::open(path.data(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    } while (!own && errno == EINTR);
    if (own && !same_object(fd, own.get())) {
        own.reset();
        errno = ESTALE;
    }
    return own;
}

opened open_pipe(int fd) {
    if (unique_fd own = reopen(fd)) {
        return {std::make_unique<reopened_writer>(std::move(own), false)};
    }
    // ENXIO on a pipe: there is no reader, so a write would fail just the same.
    if (errno == ENXIO) return {nullptr, EPIPE};
    std::array<int, 2> ends{};
    // EMFILE and its like: nothing here writes without blocking.
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return {nullptr, errno};
    return {std::make_unique<splice_writer>(fd, unique_fd(ends[0]), unique_fd(ends[1]))};
}

opened open_terminal(int fd, dev_t device) {
    const dev_t pty_master = makedev(5, 2);
    if (device != pty_master) {
        if (unique_fd own = reopen(fd)) {
            return {std::make_unique<reopened_writer>(std::move(own), true), 0, true};
        }
    }
    return {std::make_unique<terminal_writer>(fd), 0, true};
}

}  // namespace

opened open_writer(int fd) {
    struct stat about {};
    if (::fstat(fd, &about) != 0) {
        if (errno == EBADF) return {nullptr, EBADF};
        // Of unknown kind (no memory, a seccomp filter): a thread that may block suits all of them.
        return {std::make_unique<terminal_writer>(fd)};
    }
    // Opening anew would turn a read end into a write end; a plain write would have said EBADF.
    // (O_PATH descriptors count as read-only here.)
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY) return {nullptr, EBADF};
    if (S_ISSOCK(about.st_mode)) return {std::make_unique<socket_writer>(fd)};
    if (S_ISFIFO(about.st_mode)) return open_pipe(fd);
    if (S_ISCHR(about.st_mode) && ::isatty(fd) != 0) return open_terminal(fd, about.st_rdev);
    return {std::make_unique<plain_writer>(fd)};
}

}  // namespace fd2::forward
