// Sockets have the one call that neither blocks nor touches the shared flags.
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "forward/posix/ways.hpp"

namespace fd2::forward {
namespace {

class socket_writer final : public writer {
  public:
    explicit socket_writer(int fd) noexcept : fd_(fd) {}

    sent write(const iovec* parts, int count) override {
        for (;;) {
            std::array<iovec, max_parts> cut;
            msghdr message{};
            message.msg_iov = cut.data();
            message.msg_iovlen = fit(parts, count, cut);
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
    std::size_t fit(const iovec* parts, int count, std::array<iovec, max_parts>& cut) const {
        std::size_t used = 0;
        std::size_t left = limit_;
        for (int i = 0; i < count && left > 0; ++i) {
            cut[used] = parts[i];
            cut[used].iov_len = std::min(cut[used].iov_len, left);
            left -= cut[used].iov_len;
            ++used;
        }
        return used;
    }

    int fd_;
    std::size_t limit_ = std::size_t{1} << 20;
};

}  // namespace

std::unique_ptr<writer> socket_way(int fd) {
    return std::make_unique<socket_writer>(fd);
}

}  // namespace fd2::forward
