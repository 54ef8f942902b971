#include "process/standard_fds.hpp"

#include <winsock2.h>

#include <windows.h>

#include "base/handle.windows.hpp"
#include "base/system_code.hpp"

namespace fd2::process {
namespace {

constexpr std::array<DWORD, 3> standard_handles{STD_INPUT_HANDLE, STD_OUTPUT_HANDLE,
                                                STD_ERROR_HANDLE};

HANDLE open_null_device(bool inheritable) noexcept {
    SECURITY_ATTRIBUTES attributes{sizeof(attributes), nullptr, inheritable ? TRUE : FALSE};
    return ::CreateFileW(L"NUL", GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE,
                         &attributes, OPEN_EXISTING, 0, nullptr);
}

}  // namespace

void close_again(const closed_at_start& closed) noexcept {
    for (std::size_t i = 0; i < standard_handles.size(); ++i) {
        if (closed.closed[i]) ::SetStdHandle(standard_handles[i], nullptr);
    }
}

// It would not get it anyway.
void keep_from_command(int) noexcept {}

int standard_descriptor(int number) noexcept {
    return fd_of(::GetStdHandle(standard_handles[static_cast<std::size_t>(number)]));
}

result<closed_at_start> secure_standard_fds() {
    closed_at_start found;
    for (std::size_t i = 0; i < standard_handles.size(); ++i) {
        DWORD flags = 0;
        const int fd = standard_descriptor(static_cast<int>(i));
        if (fd >= 0 && ::GetHandleInformation(handle_of(fd), &flags)) continue;
        const HANDLE null = open_null_device(true);
        if (null == INVALID_HANDLE_VALUE || !::SetStdHandle(standard_handles[i], null)) {
            return system_failure("open for standard handle " + std::to_string(i), "NUL",
                                  last_system_code());
        }
        found.closed[i] = true;
    }
    return found;
}

result<unique_fd> open_null() {
    unique_fd fd(fd_of(open_null_device(false)));
    if (!fd) return system_failure("open", "NUL", last_system_code());
    return fd;
}

status detach_stdio(wire_end which, int null_fd) {
    const auto index = static_cast<std::size_t>(which);
    const int before = standard_descriptor(static_cast<int>(which));
    HANDLE null = nullptr;
    if (!::DuplicateHandle(::GetCurrentProcess(), handle_of(null_fd), ::GetCurrentProcess(), &null,
                           0, FALSE, DUPLICATE_SAME_ACCESS) ||
        !::SetStdHandle(standard_handles[index], null)) {
        return system_failure("SetStdHandle", std::to_string(index), last_system_code());
    }
    // The same handle may stand for another of the three.
    for (int i = 0; i <= 2; ++i) {
        if (standard_descriptor(i) == before) return {};
    }
    unique_fd gone(before);
    return {};
}

bool standard_output_is_a_socket() noexcept {
    int kind = 0;
    int size = sizeof(kind);
    const auto socket = static_cast<SOCKET>(standard_descriptor(1));
    return ::getsockopt(socket, SOL_SOCKET, SO_TYPE, reinterpret_cast<char*>(&kind), &size) == 0;
}

}  // namespace fd2::process
