// Linux: a pipe whose description blocks can still be written without blocking, by splice from a
// private pipe.
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/unique_fd.hpp"
#include "forward/posix/ways.hpp"

namespace fd2::forward {
namespace {

class splice_writer final : public writer {
  public:
    splice_writer(int fd, unique_fd out, unique_fd in) noexcept
        : fd_(fd), out_(std::move(out)), in_(std::move(in)) {}

    /// The private pipe is empty between calls: what the target did not take is read back and
    /// forgotten, so that dropping queued bytes needs no word to the writer.
    sent write(const iovec* parts, int count) override {
        ssize_t staged = 0;
        do {
            staged = ::writev(in_.get(), parts, count);
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
    std::size_t whole() const noexcept override { return PIPE_BUF; }
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

}  // namespace

std::unique_ptr<writer> splice_way(int fd, int& error) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) {
        error = errno;
        return nullptr;
    }
    return std::make_unique<splice_writer>(fd, unique_fd(ends[0]), unique_fd(ends[1]));
}

}  // namespace fd2::forward
