/*
 * fd2/drain_windows_errors.h - codes of GetLastError and WSAGetLastError, as codes of the contract
 * and as text; include fd2/drain.h instead
 */
#ifndef FD2_DRAIN_WINDOWS_ERRORS_H
#define FD2_DRAIN_WINDOWS_ERRORS_H

#include <stdio.h>
#include <string.h>
/* It brings windows.h, which by itself would bring the older winsock.h. */
#include <winsock2.h>

static int32_t fd2_code_of_errno(int32_t sys_errno) {
    switch (sys_errno) {
        case ERROR_CALL_NOT_IMPLEMENTED:
        case ERROR_NOT_SUPPORTED:
        case ERROR_INVALID_FUNCTION:
        case ERROR_PROC_NOT_FOUND:
        case WSAEAFNOSUPPORT:
        case WSAEPROTONOSUPPORT:
        case WSAESOCKTNOSUPPORT:
        case WSAEOPNOTSUPP:
        case WSAENETUNREACH:
        case WSAENETDOWN:
        case WSASYSNOTREADY:
        case WSANOTINITIALISED:
            return FD2_E_UNSUPPORTED;
        case ERROR_TOO_MANY_OPEN_FILES:
        case ERROR_NOT_ENOUGH_MEMORY:
        case ERROR_OUTOFMEMORY:
        case ERROR_NO_SYSTEM_RESOURCES:
        case ERROR_NOT_ENOUGH_QUOTA:
        case ERROR_COMMITMENT_LIMIT:
        case ERROR_PIPE_BUSY:
        case WSAEMFILE:
        case WSAENOBUFS:
        case WSAEADDRNOTAVAIL:
        case WSAEADDRINUSE:
        case WSAEWOULDBLOCK:
        case WSAEPROCLIM:
            return FD2_E_RESOURCE;
        case ERROR_ACCESS_DENIED:
        case WSAEACCES:
            return FD2_E_DENIED;
        case WAIT_TIMEOUT:
        case ERROR_TIMEOUT:
        case WSAETIMEDOUT:
            return FD2_E_TIMEDOUT;
        default:
            return FD2_E_INTERNAL;
    }
}

/* ": The handle is invalid (6)"; in English where it is installed. */
static void fd2_describe_errno(int32_t sys_errno, char* out, size_t size) {
    wchar_t wide[64];
    char text[64] = "";
    const DWORD flags =
        FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS | FORMAT_MESSAGE_MAX_WIDTH_MASK;
    wchar_t* found = NULL;
    DWORD length = FormatMessageW(flags | FORMAT_MESSAGE_ALLOCATE_BUFFER, NULL, (DWORD)sys_errno,
                                  MAKELANGID(LANG_ENGLISH, SUBLANG_ENGLISH_US),
                                  (wchar_t*)(void*)&found, 0, NULL);
    if (length == 0) {
        length = FormatMessageW(flags | FORMAT_MESSAGE_ALLOCATE_BUFFER, NULL, (DWORD)sys_errno, 0,
                                (wchar_t*)(void*)&found, 0, NULL);
    }
    while (length != 0 && (found[length - 1] == L' ' || found[length - 1] == L'.')) --length;
    if (length > sizeof(wide) / sizeof(wide[0]) - 1) {
        length = sizeof(wide) / sizeof(wide[0]) - 1;
    }
    /* A character outside of the basic plane is never cut: these texts have none. */
    int bytes = 0;
    while (length != 0 && (bytes = WideCharToMultiByte(CP_UTF8, 0, found, (int)length, text,
                                                       (int)sizeof(text) - 1, NULL, NULL)) == 0) {
        --length; /* it did not fit */
    }
    text[bytes] = '\0';
    if (found) (void)LocalFree(found);
    (void)snprintf(out, size, ": %s (%ld)", *text ? text : "unknown error", (long)sys_errno);
}

#endif /* FD2_DRAIN_WINDOWS_ERRORS_H */
