#include "base/system_code.hpp"

#include <winsock2.h>

#include <windows.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "base/failure.hpp"
#include "base/utf16.windows.hpp"

namespace fd2 {

namespace system_code {
const int no_memory = ERROR_NOT_ENOUGH_MEMORY;
const int timed_out = ERROR_TIMEOUT;
const int would_block = WSAEWOULDBLOCK;
const int no_reader = ERROR_NO_DATA;
const int bad_descriptor = ERROR_INVALID_HANDLE;
const int no_space = ERROR_DISK_FULL;
const int not_permitted = ERROR_PRIVILEGE_NOT_HELD;
const int denied = ERROR_ACCESS_DENIED;
const int not_supported = ERROR_NOT_SUPPORTED;
const int interrupted = ERROR_CANCELLED;
const int io_error = ERROR_IO_DEVICE;
const int no_child = ERROR_WAIT_NO_CHILDREN;
}  // namespace system_code

namespace {

struct known {
    int code;
    std::string_view name;
    errc means = errc::internal;
};

#define FD2_CODE(name, means)    \
    known {                      \
        name, #name, errc::means \
    }
// Those that fd2's own calls are known to return. Every other one has a number.
constexpr std::array codes{
    FD2_CODE(ERROR_SUCCESS, ok),
    FD2_CODE(ERROR_INVALID_FUNCTION, unsupported),
    FD2_CODE(ERROR_FILE_NOT_FOUND, internal),
    FD2_CODE(ERROR_PATH_NOT_FOUND, internal),
    FD2_CODE(ERROR_TOO_MANY_OPEN_FILES, resource),
    FD2_CODE(ERROR_ACCESS_DENIED, denied),
    FD2_CODE(ERROR_INVALID_HANDLE, internal),
    FD2_CODE(ERROR_NOT_ENOUGH_MEMORY, resource),
    FD2_CODE(ERROR_BAD_ENVIRONMENT, internal),
    FD2_CODE(ERROR_BAD_FORMAT, internal),
    FD2_CODE(ERROR_OUTOFMEMORY, resource),
    FD2_CODE(ERROR_INVALID_DRIVE, internal),
    FD2_CODE(ERROR_NOT_SAME_DEVICE, internal),
    FD2_CODE(ERROR_NO_MORE_FILES, internal),
    FD2_CODE(ERROR_WRITE_PROTECT, unsupported),
    FD2_CODE(ERROR_NOT_READY, internal),
    FD2_CODE(ERROR_SHARING_VIOLATION, internal),
    FD2_CODE(ERROR_LOCK_VIOLATION, internal),
    FD2_CODE(ERROR_HANDLE_EOF, internal),
    FD2_CODE(ERROR_HANDLE_DISK_FULL, resource),
    FD2_CODE(ERROR_NOT_SUPPORTED, unsupported),
    FD2_CODE(ERROR_FILE_EXISTS, internal),
    FD2_CODE(ERROR_INVALID_PARAMETER, internal),
    FD2_CODE(ERROR_NO_PROC_SLOTS, resource),
    FD2_CODE(ERROR_BROKEN_PIPE, internal),
    FD2_CODE(ERROR_OPEN_FAILED, internal),
    FD2_CODE(ERROR_BUFFER_OVERFLOW, internal),
    FD2_CODE(ERROR_DISK_FULL, resource),
    FD2_CODE(ERROR_NO_MORE_SEARCH_HANDLES, resource),
    FD2_CODE(ERROR_CALL_NOT_IMPLEMENTED, unsupported),
    FD2_CODE(ERROR_SEM_TIMEOUT, timedout),
    FD2_CODE(ERROR_INSUFFICIENT_BUFFER, internal),
    FD2_CODE(ERROR_INVALID_NAME, internal),
    FD2_CODE(ERROR_MOD_NOT_FOUND, internal),
    FD2_CODE(ERROR_PROC_NOT_FOUND, internal),
    FD2_CODE(ERROR_WAIT_NO_CHILDREN, internal),
    FD2_CODE(ERROR_DIR_NOT_EMPTY, internal),
    FD2_CODE(ERROR_BAD_PATHNAME, internal),
    FD2_CODE(ERROR_BUSY, internal),
    FD2_CODE(ERROR_ALREADY_EXISTS, internal),
    FD2_CODE(ERROR_BAD_EXE_FORMAT, internal),
    FD2_CODE(ERROR_ENVVAR_NOT_FOUND, internal),
    FD2_CODE(ERROR_FILENAME_EXCED_RANGE, internal),
    FD2_CODE(ERROR_BAD_PIPE, internal),
    FD2_CODE(ERROR_PIPE_BUSY, resource),
    FD2_CODE(ERROR_NO_DATA, internal),
    FD2_CODE(ERROR_PIPE_NOT_CONNECTED, internal),
    FD2_CODE(ERROR_MORE_DATA, internal),
    FD2_CODE(WAIT_TIMEOUT, timedout),
    FD2_CODE(ERROR_DIRECTORY, internal),
    known{740, "ERROR_ELEVATION_REQUIRED", errc::denied},
    FD2_CODE(ERROR_OPERATION_ABORTED, internal),
    FD2_CODE(ERROR_IO_PENDING, internal),
    FD2_CODE(ERROR_NOACCESS, internal),
    FD2_CODE(ERROR_CANT_RESOLVE_FILENAME, internal),
    FD2_CODE(ERROR_NETWORK_UNREACHABLE, unsupported),
    FD2_CODE(ERROR_CANCELLED, internal),
    FD2_CODE(ERROR_ACCESS_DISABLED_BY_POLICY, denied),
    FD2_CODE(ERROR_PRIVILEGE_NOT_HELD, denied),
    FD2_CODE(ERROR_NO_SYSTEM_RESOURCES, resource),
    FD2_CODE(ERROR_NONPAGED_SYSTEM_RESOURCES, resource),
    FD2_CODE(ERROR_PAGED_SYSTEM_RESOURCES, resource),
    FD2_CODE(ERROR_WORKING_SET_QUOTA, resource),
    FD2_CODE(ERROR_PAGEFILE_QUOTA, resource),
    FD2_CODE(ERROR_COMMITMENT_LIMIT, resource),
    FD2_CODE(ERROR_IO_DEVICE, internal),
    FD2_CODE(ERROR_TIMEOUT, timedout),
    FD2_CODE(ERROR_NOT_ENOUGH_QUOTA, resource),
    FD2_CODE(WSAEINTR, internal),
    FD2_CODE(WSAEBADF, internal),
    FD2_CODE(WSAEACCES, denied),
    FD2_CODE(WSAEFAULT, internal),
    FD2_CODE(WSAEINVAL, internal),
    FD2_CODE(WSAEMFILE, resource),
    FD2_CODE(WSAEWOULDBLOCK, resource),
    FD2_CODE(WSAEINPROGRESS, internal),
    FD2_CODE(WSAEALREADY, internal),
    FD2_CODE(WSAENOTSOCK, internal),
    FD2_CODE(WSAEPROTONOSUPPORT, unsupported),
    FD2_CODE(WSAESOCKTNOSUPPORT, unsupported),
    FD2_CODE(WSAEOPNOTSUPP, unsupported),
    FD2_CODE(WSAEAFNOSUPPORT, unsupported),
    FD2_CODE(WSAEADDRINUSE, resource),
    FD2_CODE(WSAEADDRNOTAVAIL, resource),
    FD2_CODE(WSAENETDOWN, unsupported),
    FD2_CODE(WSAENETUNREACH, unsupported),
    FD2_CODE(WSAENETRESET, internal),
    FD2_CODE(WSAECONNABORTED, internal),
    FD2_CODE(WSAECONNRESET, internal),
    FD2_CODE(WSAENOBUFS, resource),
    FD2_CODE(WSAEISCONN, internal),
    FD2_CODE(WSAENOTCONN, internal),
    FD2_CODE(WSAESHUTDOWN, internal),
    FD2_CODE(WSAETIMEDOUT, timedout),
    FD2_CODE(WSAECONNREFUSED, internal),
    FD2_CODE(WSAEPROCLIM, resource),
    FD2_CODE(WSASYSNOTREADY, unsupported),
    FD2_CODE(WSAVERNOTSUPPORTED, unsupported),
    FD2_CODE(WSANOTINITIALISED, internal),
    FD2_CODE(WSAEDISCON, internal),
};
#undef FD2_CODE

const known* find(int code) noexcept {
    const auto* const found = std::find_if(codes.data(), codes.data() + codes.size(),
                                           [&](const known& each) { return each.code == code; });
    return found == codes.data() + codes.size() ? nullptr : found;
}

}  // namespace

int last_system_code() noexcept {
    return static_cast<int>(::GetLastError());
}

std::string reason_of(int code) {
    std::array<wchar_t, 512> text{};
    constexpr DWORD flags = FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS;
    DWORD size = 0;
    // English where it is installed, as all our texts; else the user's language.
    for (const DWORD language : {DWORD{MAKELANGID(LANG_ENGLISH, SUBLANG_ENGLISH_US)}, DWORD{0}}) {
        if (size == 0) {
            size = ::FormatMessageW(flags, nullptr, static_cast<DWORD>(code), language, text.data(),
                                    static_cast<DWORD>(text.size()), nullptr);
        }
    }
    std::wstring_view said(text.data(), size);
    while (!said.empty() && (said.back() <= L' ' || said.back() == L'.')) said.remove_suffix(1);
    std::string out = utf8_of(said);
    std::replace_if(
        out.begin(), out.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
    return out.empty() ? "unknown error" : out;
}

bool means_absent(int code) noexcept {
    switch (code) {
        case ERROR_FILE_NOT_FOUND:
        case ERROR_PATH_NOT_FOUND:
        case ERROR_INVALID_DRIVE:
        case ERROR_BAD_NETPATH:
        case ERROR_BAD_NET_NAME:
        case ERROR_DIRECTORY:
            return true;
        default:
            return false;
    }
}

bool means_no_directory(int code) noexcept {
    return code == ERROR_DIRECTORY;
}

bool means_no_file(int code) noexcept {
    return code == ERROR_CANT_ACCESS_FILE;
}

bool means_denied(int code) noexcept {
    return code == ERROR_ACCESS_DENIED;
}

std::string errno_name(int sys_errno) {
    if (const known* found = find(sys_errno)) return std::string(found->name);
    return "error " + std::to_string(static_cast<unsigned>(sys_errno));
}

errc classify(int sys_errno) noexcept {
    const known* const found = find(sys_errno);
    return found ? found->means : errc::internal;
}

}  // namespace fd2
