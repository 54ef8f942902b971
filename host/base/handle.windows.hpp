// A descriptor on Windows: the kernel's HANDLE or SOCKET in an int. Their values fit into 32 bits
// and may be cut and sign-extended (Microsoft promises that for the sake of 32-bit programs).
#pragma once

#include <windows.h>

#include <cstdint>

namespace fd2 {

inline HANDLE handle_of(int fd) noexcept {
    return reinterpret_cast<HANDLE>(static_cast<std::intptr_t>(fd));
}

/// -1 for what is none: null, or INVALID_HANDLE_VALUE.
inline int fd_of(HANDLE handle) noexcept {
    return handle == nullptr ? -1 : static_cast<int>(reinterpret_cast<std::intptr_t>(handle));
}

}  // namespace fd2
