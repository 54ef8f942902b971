// How a line gets to the end of a file that others append to as well.
#include <algorithm>

#include "base/files.hpp"
#include "base/handle.windows.hpp"
#include "base/system_code.hpp"
#include "base/utf16.windows.hpp"
#include "cli/run_reports.hpp"

namespace fd2::cli {
namespace {

constexpr DWORD shortest_nap = 1, longest_nap = 16;  // ms

/// 0, ERROR_CANCELLED if we are to stop, or another error. Asked again and again, because a wait
/// for a lock has no end of its own.
int lock(int fd, const patience& waiting) {
    const nanoseconds_t until = after(now(), waiting.stall);
    for (DWORD nap = shortest_nap;; nap = std::min(2 * nap, longest_nap)) {
        OVERLAPPED where{};
        if (::LockFileEx(handle_of(fd), LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0,
                         MAXDWORD, MAXDWORD, &where)) {
            return 0;
        }
        const int why = last_system_code();
        if (why != ERROR_LOCK_VIOLATION && why != ERROR_IO_PENDING) return why;
        if (now() >= until) return ERROR_TIMEOUT;
        if (waiting.descriptor < 0) {
            ::Sleep(nap);
        } else if (::WaitForSingleObject(handle_of(waiting.descriptor), nap) == WAIT_OBJECT_0 &&
                   waiting.serve && waiting.serve()) {
            return ERROR_CANCELLED;
        }
    }
}

bool ends_inside_a_line(HANDLE file, std::int64_t size) noexcept {
    if (size == 0) return false;
    OVERLAPPED where{};
    where.Offset = static_cast<DWORD>(size - 1);
    where.OffsetHigh = static_cast<DWORD>((size - 1) >> 32);
    char last = '\n';
    DWORD got = 0;
    return ::ReadFile(file, &last, 1, &got, &where) && got == 1 && last != '\n';
}

}  // namespace

status append_line(const std::string& path, std::string_view line, const patience& waiting) {
    const unique_fd file(
        fd_of(::CreateFileW(system_path(path).c_str(), GENERIC_READ | GENERIC_WRITE,
                            FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
                            OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL, nullptr)));
    if (!file) return system_failure("open", path, last_system_code());
    const HANDLE handle = handle_of(file.get());
    if (::GetFileType(handle) != FILE_TYPE_DISK) {
        return advise({errc::config, 0, "open: " + path + ": not a regular file"},
                      "name a file, or use --stats");
    }
    const int locked = lock(file.get(), waiting);
    if (locked == ERROR_TIMEOUT) {
        return failure{errc::timedout, locked, "lock: " + path + ": another process holds it"};
    }
    if (locked == ERROR_CANCELLED) {
        return failure{errc::timedout, locked, "lock: " + path + ": interrupted"};
    }
    if (locked != 0) return system_failure("lock", path, locked);
    LARGE_INTEGER size{};
    if (!::GetFileSizeEx(handle, &size)) {
        return system_failure("GetFileSizeEx", path, last_system_code());
    }
    std::string text;
    if (ends_inside_a_line(handle, size.QuadPart)) text = '\n';
    text += line;
    if (!::SetFilePointerEx(handle, size, nullptr, FILE_BEGIN)) {
        return system_failure("SetFilePointerEx", path, last_system_code());
    }
    if (auto good = write_all(file.get(), text); !good) {
        if (::SetFilePointerEx(handle, size, nullptr, FILE_BEGIN)) ::SetEndOfFile(handle);
        return system_failure("write", path, good.error().sys_errno);
    }
    return {};
}

}  // namespace fd2::cli
