// The error of a system call that has just failed, for media.
#pragma once

#include <fcntl.h>

#include "fd2/plugin.hpp"

namespace fd2::plugin {

/// Reads errno.
inline std::int32_t failed(fd2_error* error, const char* operation, const char* object) noexcept {
    const int sys_errno = errno;
    return fd2_fail(error, fd2_code_of_errno(sys_errno), sys_errno, operation, object);
}

/// Sets O_NONBLOCK on a descriptor whose description nobody else has.
inline std::int32_t make_non_blocking(int fd, fd2_error* error) noexcept {
    const int flags = fcntl(fd, F_GETFL);
    if (flags >= 0 && ((flags & O_NONBLOCK) != 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0)) {
        return FD2_OK;
    }
    return failed(error, "fcntl", "O_NONBLOCK");
}

}  // namespace fd2::plugin
