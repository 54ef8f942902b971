#include "base/failure.hpp"

#include <cerrno>
#include <cstring>

namespace fd2 {

std::string_view name_of(errc code) noexcept {
    switch (code) {
        case errc::ok:
            return "ok";
        case errc::unsupported:
            return "unsupported";
        case errc::resource:
            return "resource";
        case errc::denied:
            return "denied";
        case errc::timedout:
            return "timedout";
        case errc::config:
            return "config";
        case errc::invalid:
            return "invalid";
        case errc::state:
            return "state";
        case errc::would_deadlock:
            return "would-deadlock";
        case errc::internal:
            return "internal";
    }
    return "unknown";
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

failure system_failure(std::string_view operation, std::string_view object, int sys_errno) {
    std::string text(operation);
    text += ": ";
    if (!object.empty()) {
        text += object;
        text += ": ";
    }
    const char* reason = ::strerrordesc_np(sys_errno);
    text += reason ? reason : "unknown error";
    text += " (" + errno_name(sys_errno) + ")";
    return {classify(sys_errno), sys_errno, std::move(text), operation.size(), object.size(), {}};
}

std::string text_of(const failure& why) {
    return why.advice.empty() ? why.message : why.message + "; " + why.advice;
}

}  // namespace fd2
