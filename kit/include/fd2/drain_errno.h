/*
 * fd2/drain_errno.h - errno, as codes of the contract and as text; include fd2/drain.h instead
 */
#ifndef FD2_DRAIN_ERRNO_H
#define FD2_DRAIN_ERRNO_H

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int32_t fd2_code_of_errno(int32_t sys_errno) {
    switch (sys_errno) {
        case ENOSYS:
        case EAFNOSUPPORT:
        case EPROTONOSUPPORT:
        case ESOCKTNOSUPPORT:
        case EOPNOTSUPP:
        case ENETUNREACH:
        case ENETDOWN:
        case EROFS:
            return FD2_E_UNSUPPORTED;
        case EMFILE:
        case ENFILE:
        case ENOMEM:
        case EAGAIN:
        case ENOBUFS:
        case EADDRNOTAVAIL:
        case EADDRINUSE:
        case ENOSPC:
        case EDQUOT:
            return FD2_E_RESOURCE;
        case EPERM:
        case EACCES:
            return FD2_E_DENIED;
        case ETIMEDOUT:
            return FD2_E_TIMEDOUT;
        default:
            return FD2_E_INTERNAL;
    }
}

/* ": No such file or directory (ENOENT)" */
static void fd2_describe_errno(int32_t sys_errno, char* out, size_t size) {
    const char* text = strerrordesc_np(sys_errno);
    const char* name = strerrorname_np(sys_errno);
    (void)snprintf(out, size, ": %s (%s)", text ? text : "unknown error", name ? name : "?");
}

#endif /* FD2_DRAIN_ERRNO_H */
