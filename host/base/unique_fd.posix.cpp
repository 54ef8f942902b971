#include "base/unique_fd.hpp"

#include <unistd.h>

#include <cerrno>

namespace fd2 {

void unique_fd::reset(int fd) noexcept {
    if (fd_ >= 0) {
        // EINTR included, the descriptor is gone after close(2) on Linux: never closed twice.
        const int kept = errno;
        ::close(fd_);
        errno = kept;
    }
    fd_ = fd;
}

}  // namespace fd2
