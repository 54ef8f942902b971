// A terminal of another user (su, sudo): its description cannot be had anew, poll(2) promises
// nothing for it, so one thread writes and may stand in the write for as long as Ctrl-S lasts.
#include <pthread.h>
#include <unistd.h>

#include <cerrno>

#include "forward/posix/ways.hpp"

namespace fd2::forward {
namespace {

/// Lets pthread_cancel end the calls made in its scope, and only those.
class cancellable {
  public:
    cancellable() { ::pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, nullptr); }
    ~cancellable() { ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr); }
    cancellable(const cancellable&) = delete;
    cancellable& operator=(const cancellable&) = delete;
};

class terminal_writer final : public writer {
  public:
    explicit terminal_writer(int fd) noexcept : fd_(fd) {}

    sent write(const iovec* parts, int count) override {
        for (;;) {
            ssize_t n = 0;
            {
                const cancellable here;
                n = ::writev(fd_, parts, count);
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

}  // namespace

std::unique_ptr<writer> terminal_way(int fd) {
    return std::make_unique<terminal_writer>(fd);
}

}  // namespace fd2::forward
