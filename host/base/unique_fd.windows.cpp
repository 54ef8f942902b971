#include "base/unique_fd.hpp"

#include <cerrno>

#include "base/handle.windows.hpp"

namespace fd2 {

void unique_fd::reset(int fd) noexcept {
    if (fd_ >= 0) {
        const int kept = errno;
        const DWORD kept_too = ::GetLastError();
        // A socket that is closed by CloseHandle leaves what Winsock keeps of it; closesocket knows
        // its own. (Before WSAStartup there is none.)
        if (::closesocket(socket_of(fd_)) != 0) ::CloseHandle(handle_of(fd_));
        errno = kept;
        ::SetLastError(kept_too);
    }
    fd_ = fd;
}

}  // namespace fd2
