// Descriptors on Windows: the system's HANDLE or SOCKET in an int. Microsoft guarantees that the
// values of handles fit into 32 bits and may be sign-extended. The C library's descriptors (_open)
// are never meant.
#pragma once

// In this order: <windows.h> would bring the first version of Winsock.
#include <winsock2.h>

#include <windows.h>

#include <cstdint>

namespace fd2 {

inline HANDLE handle_of(int fd) noexcept {
    return reinterpret_cast<HANDLE>(static_cast<std::intptr_t>(fd));
}

/// INVALID_HANDLE_VALUE is -1 and becomes -1; so does null, which some calls fail with.
inline int fd_of(HANDLE handle) noexcept {
    return handle == nullptr ? -1 : static_cast<int>(reinterpret_cast<std::intptr_t>(handle));
}

inline SOCKET socket_of(int fd) noexcept {
    return static_cast<SOCKET>(static_cast<std::intptr_t>(fd));
}

/// INVALID_SOCKET becomes -1.
inline int fd_of_socket(SOCKET socket) noexcept {
    return static_cast<int>(static_cast<std::intptr_t>(socket));
}

}  // namespace fd2
