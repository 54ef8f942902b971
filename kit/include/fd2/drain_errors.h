/*
 * fd2/drain_errors.h - how the drain kit and backends report a failed call; include fd2/drain.h
 * instead
 */
#ifndef FD2_DRAIN_ERRORS_H
#define FD2_DRAIN_ERRORS_H

#include <stdio.h>
#include <string.h>

static int32_t fd2_fail(fd2_error* error, int32_t code, int32_t sys_errno, const char* operation,
                        const char* object) {
    if (!error || error->struct_size < sizeof(*error)) return code;
    char reason[80] = "";
    if (sys_errno != 0) fd2_describe_errno(sys_errno, reason, sizeof(reason));
    error->code = code;
    error->sys_errno = sys_errno;
    error->flags = code == FD2_E_RESOURCE ? FD2_ERROR_TRANSIENT : 0;
    const int wanted = snprintf(error->message, sizeof(error->message), "%s%s%s%s", operation,
                                object && *object ? ": " : "", object ? object : "", reason);
    char* end = error->message + strlen(error->message);
    if (wanted >= (int)sizeof(error->message)) {
        /* Cut inside a multi-byte character: take the rest of that character away too. */
        while (end > error->message && ((unsigned char)end[-1] & 0xC0u) == 0x80u) --end;
        if (end > error->message && ((unsigned char)end[-1] & 0x80u) != 0) --end;
        *end = '\0';
    }
    for (char* c = error->message; *c; ++c) {
        if ((unsigned char)*c < 0x20u || *c == 0x7f) *c = ' ';
    }
    return code;
}

#endif /* FD2_DRAIN_ERRORS_H */
