// Linux: /proc/self/fd/N opens the same object anew, with flags of our own.
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "base/unique_fd.hpp"
#include "forward/posix/ways.hpp"

namespace fd2::forward {
namespace {

class reopened_writer final : public writer {
  public:
    reopened_writer(unique_fd own, bool terminal) noexcept
        : own_(std::move(own)), terminal_(terminal) {}

    sent write(const iovec* parts, int count) override {
        for (;;) {
            const ssize_t n = count == 1 ? ::write(own_.get(), parts->iov_base, parts->iov_len)
                                         : ::writev(own_.get(), parts, count);
            if (n >= 0) return {static_cast<std::size_t>(n), 0};
            if (errno == EINTR) continue;
            return {0, errno == EWOULDBLOCK ? EAGAIN : errno};
        }
    }

    int wait_fd() const noexcept override { return own_.get(); }
    std::size_t whole() const noexcept override { return terminal_ ? 0 : PIPE_BUF; }
    std::string_view name() const noexcept override { return "reopened"; }

  private:
    unique_fd own_;
    bool terminal_;
};

/// Whether both descriptors lead to the same object: /proc may be something else than procfs.
bool same_object(int one, int other) {
    struct stat a {};
    struct stat b {};
    return ::fstat(one, &a) == 0 && ::fstat(other, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino && a.st_rdev == b.st_rdev;
}

}  // namespace

std::unique_ptr<writer> reopened_way(int fd, bool terminal, int& error) {
    std::array<char, 32> path{};
    std::snprintf(path.data(), path.size(), "/proc/self/fd/%d", fd);
    unique_fd own;
    do {
        own.reset(::open(path.data(), O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
    } while (!own && errno == EINTR);
    if (!own) {
        error = errno;
        return nullptr;
    }
    if (!same_object(fd, own.get())) {
        error = ESTALE;
        return nullptr;
    }
    return std::make_unique<reopened_writer>(std::move(own), terminal);
}

}  // namespace fd2::forward
