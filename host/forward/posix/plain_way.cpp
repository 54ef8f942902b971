// Files and devices: the descriptor itself, because a re-opened file has an offset of its own and
// would overwrite what others have written.
#include <unistd.h>

#include <cerrno>

#include "forward/posix/ways.hpp"

namespace fd2::forward {
namespace {

class plain_writer final : public writer {
  public:
    explicit plain_writer(int fd) noexcept : fd_(fd) {}

    sent write(const iovec* parts, int count) override {
        for (;;) {
            const ssize_t n = count == 1 ? ::write(fd_, parts->iov_base, parts->iov_len)
                                         : ::writev(fd_, parts, count);
            if (n >= 0) return {static_cast<std::size_t>(n), 0};
            if (errno == EINTR) continue;
            return {0, errno == EWOULDBLOCK ? EAGAIN : errno};
        }
    }

    // Files are always ready; a device whose shared description happens to be non-blocking is not.
    int wait_fd() const noexcept override { return fd_; }
    std::string_view name() const noexcept override { return "plain"; }

  private:
    int fd_;
};

}  // namespace

std::unique_ptr<writer> plain_way(int fd) {
    return std::make_unique<plain_writer>(fd);
}

}  // namespace fd2::forward
