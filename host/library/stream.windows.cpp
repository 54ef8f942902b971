#include "library/stream.hpp"

#include <fd2/wire.hpp>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <string>

#include "base/handle.windows.hpp"
#include "base/system_code.hpp"
#include "library/transfer.windows.hpp"
#include "process/standard_fds.hpp"

namespace fd2 {

namespace {

std::error_code code_of_system(int why) noexcept {
    return {why, std::system_category()};
}

/// Our end can be waited for, which one of CreatePipe's cannot. The name is of no use to anybody:
/// there is one instance of it, and that has its client from the start.
status make_pipe(const char* shown, bool input, standard_stream& out) {
    static std::atomic<std::uint64_t> made{0};
    LARGE_INTEGER count;
    (void)::QueryPerformanceCounter(&count);
    const std::wstring name = L"\\\\.\\pipe\\fd2-wire-" + std::to_wstring(::GetCurrentProcessId()) +
                              L"-" + std::to_wstring(++made) + L"-" +
                              std::to_wstring(count.QuadPart);
    constexpr DWORD size = 64 * 1024;
    out.wire.reset(fd_of(::CreateNamedPipeW(
        name.c_str(),
        (input ? PIPE_ACCESS_OUTBOUND : PIPE_ACCESS_INBOUND) | FILE_FLAG_OVERLAPPED |
            FILE_FLAG_FIRST_PIPE_INSTANCE,
        PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS, 1, size, size,
        0, nullptr)));
    if (!out.wire) return system_failure("CreateNamedPipe", shown, last_system_code());
    // Not overlapped, as a child expects. The attributes: run-time libraries ask what it is.
    out.given.reset(fd_of(::CreateFileW(
        name.c_str(),
        input ? GENERIC_READ | FILE_WRITE_ATTRIBUTES : GENERIC_WRITE | FILE_READ_ATTRIBUTES, 0,
        nullptr, OPEN_EXISTING, SECURITY_SQOS_PRESENT | SECURITY_ANONYMOUS, nullptr)));
    if (!out.given) return system_failure("open", shown, last_system_code());
    return {};
}

}  // namespace

result<standard_stream> make_stream(stdio what, stream which) {
    const bool input = which == stream::input;
    const char* const name = input ? "the child's stdin" : "the child's stdout";
    standard_stream out;
    switch (what.what()) {
        case stdio::kind::pipe:
            if (auto good = make_pipe(name, input, out); !good) return std::move(good).error();
            break;
        case stdio::kind::null: {
            auto null = process::open_null();
            if (!null) return std::move(null).error();
            out.given = std::move(*null);
            break;
        }
        case stdio::kind::inherit:
            return out;
        case stdio::kind::descriptor: {
            DWORD flags = 0;
            if (!::GetHandleInformation(handle_of(what.number()), &flags)) {
                return system_failure(
                    "start a child",
                    std::string(name) + ", handle " + std::to_string(what.number()),
                    last_system_code());
            }
            out.child = what.number();
            return out;
        }
    }
    out.child = out.given.get();
    return out;
}

std::size_t read_wire(int fd, void* data, std::size_t size, std::error_code& failed) noexcept {
    failed.clear();
    transfer one;
    one.read(fd, data, size);
    const auto done = one.take();
    if (done.why != 0 && !is_end(done.why)) failed = code_of_system(done.why);
    return done.size;
}

std::size_t write_wire(int fd, const void* data, std::size_t size,
                       std::error_code& failed) noexcept {
    failed.clear();
    transfer one;
    one.write(fd, data, size);
    const auto done = one.take();
    // Both of a reader that is gone.
    const int why = done.why == ERROR_NO_DATA ? ERROR_BROKEN_PIPE : done.why;
    if (why != 0) failed = code_of_system(why);
    return done.size;
}

std::ptrdiff_t write_quietly(int fd, const void* data, std::size_t size) noexcept {
    std::error_code failed;
    const std::size_t done = write_wire(fd, data, size, failed);
    if (!failed) return static_cast<std::ptrdiff_t>(done);
    errno = failed.default_error_condition().value();
    return -1;
}

}  // namespace fd2
