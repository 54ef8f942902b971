// System calls of media: the error of one that failed, and O_NONBLOCK.
#pragma once

#include <fcntl.h>

#include "fd2/plugin.hpp"

namespace fd2::plugin {

/// Fills `error` for the call that has just failed, from errno, and returns its code.
inline std::int32_t failed(fd2_error* error, const char* operation, const char* object) noexcept {
    const int sys_errno = errno;
    return fd2_fail(error, fd2_code_of_errno(sys_errno), sys_errno, operation, object);
}

/// Sets O_NONBLOCK on a descriptor whose open file description is not shared with anyone.
inline std::int32_t make_non_blocking(int fd, fd2_error* error) noexcept {
    const int flags = fcntl(fd, F_GETFL);
    if (flags >= 0 && ((flags & O_NONBLOCK) != 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0)) {
        return FD2_OK;
    }
    return failed(error, "fcntl", "O_NONBLOCK");
}

}  // namespace fd2::plugin
