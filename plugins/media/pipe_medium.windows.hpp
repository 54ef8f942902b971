// A pipe as a channel's object. Include from one source file of a plugin.
#pragma once

#include "fd2/plugin.hpp"

namespace fd2::plugin {

/// An "anonymous" pipe of Windows, but with an end that can be waited for: CreatePipe makes two
/// ends that cannot. Its name is of no use to anybody: there is one instance of it, and that has
/// its client from the start.
struct pipe_medium {
    static constexpr std::uint64_t caps =
        FD2_CAP_POLLABLE | FD2_CAP_WAKE | FD2_CAP_KEEPS_WRITERS | FD2_CAP_COMPACT | FD2_CAP_ATOMIC;

    static constexpr std::uint32_t default_size = 64 * 1024;

    static constexpr fd2_option_spec capacity = {
        sizeof(fd2_option_spec),
        FD2_OPTION_BYTES,
        "capacity",
        "how much the pipe holds before the command blocks; 0: 64KiB",
        nullptr,
        nullptr,
        0,
        0,
        std::int64_t{1} << 30,
    };

    static std::int32_t failed(fd2_error* error, const char* operation) noexcept {
        const auto code = static_cast<std::int32_t>(GetLastError());
        return fd2_fail(error, fd2_code_of_errno(code), code, operation, "pipe");
    }

    static std::int32_t make(const fd2_options* given, fd2_drain_spec& spec, fd2_error* error) {
        static volatile LONG made = 0;
        LARGE_INTEGER count;
        (void)QueryPerformanceCounter(&count);
        wchar_t name[80];
        (void)swprintf(name, sizeof(name) / sizeof(name[0]), L"\\\\.\\pipe\\fd2-%lx-%lx-%llx",
                       static_cast<unsigned long>(GetCurrentProcessId()),
                       static_cast<unsigned long>(InterlockedIncrement(&made)),
                       static_cast<unsigned long long>(count.QuadPart));
        const auto wanted =
            static_cast<DWORD>(fd2_option_number(given, capacity.name, capacity.default_number));
        const DWORD size = wanted != 0 ? wanted : default_size;
        // FIRST_PIPE_INSTANCE: it fails if anybody else has made a pipe of that name, whose other
        // end we would open below.
        const HANDLE read_end = CreateNamedPipeW(
            name, PIPE_ACCESS_INBOUND | FILE_FLAG_OVERLAPPED | FILE_FLAG_FIRST_PIPE_INSTANCE,
            PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS, 1, 0,
            size, 0, nullptr);
        if (read_end == INVALID_HANDLE_VALUE) return failed(error, "CreateNamedPipe");
        // Not overlapped, as a child expects of its stderr. FILE_READ_ATTRIBUTES: run-time
        // libraries ask a handle what it is.
        const HANDLE child_end =
            CreateFileW(name, GENERIC_WRITE | FILE_READ_ATTRIBUTES, 0, nullptr, OPEN_EXISTING,
                        SECURITY_SQOS_PRESENT | SECURITY_ANONYMOUS, nullptr);
        if (child_end == INVALID_HANDLE_VALUE) {
            const std::int32_t code = failed(error, "CreateFile");
            CloseHandle(read_end);
            return code;
        }
        spec.medium = FD2_MEDIUM_PIPE;
        spec.capacity_bytes = spec.capacity_small_writes = size;
        spec.read_end = reinterpret_cast<std::intptr_t>(read_end);
        spec.child_end = reinterpret_cast<std::intptr_t>(child_end);
        return FD2_OK;
    }
};

}  // namespace fd2::plugin
