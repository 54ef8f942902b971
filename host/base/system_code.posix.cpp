#include "base/system_code.hpp"

#include <cerrno>
#include <cstring>

#include "base/failure.hpp"

namespace fd2 {

namespace system_code {
const int no_memory = ENOMEM;
const int timed_out = ETIMEDOUT;
const int would_block = EAGAIN;
const int no_reader = EPIPE;
const int bad_descriptor = EBADF;
const int no_space = ENOSPC;
const int not_permitted = EPERM;
const int denied = EACCES;
const int not_supported = ENOTSUP;
const int interrupted = EINTR;
const int io_error = EIO;
const int no_child = ECHILD;
}  // namespace system_code

int last_system_code() noexcept {
    return errno;
}

std::string reason_of(int code) {
    const char* reason = ::strerrordesc_np(code);
    return reason ? reason : "unknown error";
}

bool means_absent(int code) noexcept {
    return code == ENOENT || code == ENOTDIR;
}

bool means_no_directory(int code) noexcept {
    return code == ENOTDIR;
}

bool means_no_file(int code) noexcept {
    return code == ENXIO;
}

bool means_denied(int code) noexcept {
    return code == EACCES;
}

std::string errno_name(int sys_errno) {
    if (const char* name = ::strerrorname_np(sys_errno)) return name;
    return "errno " + std::to_string(sys_errno);
}

errc classify(int sys_errno) noexcept {
    switch (sys_errno) {
        case 0:
            return errc::ok;
        case ENOSYS:
        case EAFNOSUPPORT:
        case EPROTONOSUPPORT:
        case EOPNOTSUPP:
        case ESOCKTNOSUPPORT:
        case ENETUNREACH:
        case ENETDOWN:
        case EROFS:
            return errc::unsupported;
        case EMFILE:
        case ENFILE:
        case ENOMEM:
        case EAGAIN:
        case ENOBUFS:
        case EADDRNOTAVAIL:
        case EADDRINUSE:
        case ENOSPC:
        case EDQUOT:
            return errc::resource;
        case EPERM:
        case EACCES:
            return errc::denied;
        case ETIMEDOUT:
            return errc::timedout;
        default:
            return errc::internal;
    }
}

}  // namespace fd2
