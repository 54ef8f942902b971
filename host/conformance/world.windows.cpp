#include "base/handle.windows.hpp"
// After it.
#include <tlhelp32.h>
#include <winternl.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "conformance/poller.hpp"
#include "conformance/recorder.hpp"
#include "conformance/spawn.windows.hpp"
#include "conformance/worker.hpp"
#include "conformance/world.hpp"

namespace fd2::conformance {

namespace {

HANDLE process_of(std::int64_t handle) {
    return reinterpret_cast<HANDLE>(static_cast<std::intptr_t>(handle));
}

/// While it lives, writes to the end do not wait.
class non_blocking {
  public:
    explicit non_blocking(int fd) : fd_(fd), is_pipe_(kind_of(fd) == object_kind::pipe) { set(1); }
    ~non_blocking() { set(0); }
    non_blocking(const non_blocking&) = delete;
    non_blocking& operator=(const non_blocking&) = delete;

    /// How many bytes it took.
    std::size_t write(const void* data, std::size_t size) const {
        if (is_pipe_) {
            DWORD put = 0;
            if (!WriteFile(handle_of(fd_), data, static_cast<DWORD>(size), &put, nullptr)) put = 0;
            return put;
        }
        const int put =
            ::send(socket_of(fd_), static_cast<const char*>(data), static_cast<int>(size), 0);
        return put > 0 ? static_cast<std::size_t>(put) : 0;
    }

  private:
    void set(u_long on) const {
        if (is_pipe_) {
            DWORD mode = on != 0 ? PIPE_NOWAIT : PIPE_WAIT;
            (void)SetNamedPipeHandleState(handle_of(fd_), &mode, nullptr, nullptr);
        } else {
            (void)::ioctlsocket(socket_of(fd_), FIONBIO, &on);
        }
    }

    int fd_;
    bool is_pipe_;
};

}  // namespace

bool write_all(int fd, const void* data, std::size_t size, std::size_t piece) {
    const auto* from = static_cast<const char*>(data);
    while (size != 0) {
        DWORD put = 0;
        const std::size_t most = std::min<std::size_t>({size, piece, 1U << 30});
        if (!WriteFile(handle_of(fd), from, static_cast<DWORD>(most), &put, nullptr)) return false;
        from += put;
        size -= put;
    }
    return true;
}

std::uint64_t fill(int fd, std::size_t piece) {
    const non_blocking end(fd);
    const std::vector<std::uint8_t> bytes(piece, 'x');
    std::uint64_t total = 0;
    while (total < never_full) {
        const std::size_t put = end.write(bytes.data(), piece);
        if (put == 0) break;
        total += put;
    }
    return total;
}

std::uint64_t fill_pattern(int fd, std::uint64_t position, std::size_t piece) {
    const non_blocking end(fd);
    std::uint64_t total = 0;
    while (total < never_full) {
        std::size_t part = 0;
        const std::uint8_t* from = pattern_at(position + total, part);
        const std::size_t put = end.write(from, std::min(part, piece));
        if (put == 0) break;
        total += put;
    }
    return total;
}

int child_stderr() {
    return fd_of(GetStdHandle(STD_ERROR_HANDLE));
}

child::child(int child_end, const deed& what, std::uint64_t first, std::uint64_t second) {
    worker_task task;
    task.check = std::string("deed: ") + what.name + " " + std::to_string(first) + " " +
                 std::to_string(second);
    new_process wanted;
    wanted.task = serialize(task);
    wanted.output = GetStdHandle(STD_OUTPUT_HANDLE);
    wanted.error = handle_of(child_end);
    const HANDLE made = start_process(wanted);
    if (made != nullptr) pid_ = reinterpret_cast<std::intptr_t>(made);
}

child::~child() {
    if (pid_ == -1) return;
    (void)kill();
    (void)wait();
}

bool child::kill() {
    return TerminateProcess(process_of(pid_), killed) != 0;
}

int child::wait() {
    if (pid_ == -1) return -1;
    const HANDLE process = process_of(std::exchange(pid_, -1));
    DWORD code = 0;
    (void)WaitForSingleObject(process, INFINITE);
    (void)GetExitCodeProcess(process, &code);
    (void)CloseHandle(process);
    return static_cast<int>(code);
}

object_kind kind_of(int fd) {
    int type = 0;
    int size = sizeof(type);
    if (::getsockopt(socket_of(fd), SOL_SOCKET, SO_TYPE, reinterpret_cast<char*>(&type), &size) ==
        0) {
        return type == SOCK_STREAM ? object_kind::tcp : object_kind::other;
    }
    return GetFileType(handle_of(fd)) == FILE_TYPE_PIPE ? object_kind::pipe : object_kind::other;
}

namespace {

/// "File", "Thread", "Event".
std::string type_of(HANDLE handle) {
    struct {
        UNICODE_STRING name;
        unsigned char rest[1024];
    } seen{};
    ULONG size = 0;
    const auto query = reinterpret_cast<decltype(&NtQueryObject)>(reinterpret_cast<void (*)()>(
        GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "NtQueryObject")));
    if (query(handle, ObjectTypeInformation, &seen, sizeof(seen), &size) != 0) return "unknown";
    std::string out;
    for (USHORT i = 0; i < seen.name.Length / sizeof(wchar_t); ++i) {
        out += static_cast<char>(seen.name.Buffer[i]);
    }
    return out;
}

}  // namespace

/// Handles count up by four from four; those beyond a long gap are not found. Events and semaphores
/// are left out: the C++ library makes them when a lock is first waited for, and keeps them.
descriptor_table descriptors() {
    constexpr int gap = 1024;
    descriptor_table out;
    int last = 0;
    for (int value = 4; value < last + gap; value += 4) {
        DWORD flags = 0;
        if (!GetHandleInformation(handle_of(value), &flags)) continue;
        last = value;
        const std::string type = type_of(handle_of(value));
        if (type == "Event" || type == "Semaphore" || type == "Mutant") continue;
        out[value] = {0, 0, type};
    }
    return out;
}

bool is_inheritable(int fd) {
    DWORD flags = HANDLE_FLAG_INHERIT;
    return !GetHandleInformation(handle_of(fd), &flags) || (flags & HANDLE_FLAG_INHERIT) != 0;
}

bool blocks(int fd) {
    // FileModeInformation: an end that is not overlapped is for synchronous use.
    constexpr int file_mode = 16;
    constexpr ULONG synchronous = 0x10 | 0x20;
    ULONG mode = 0;
    IO_STATUS_BLOCK status{};
    const auto query =
        reinterpret_cast<decltype(&NtQueryInformationFile)>(reinterpret_cast<void (*)()>(
            GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "NtQueryInformationFile")));
    const auto which = static_cast<FILE_INFORMATION_CLASS>(file_mode);
    if (query(handle_of(fd), &status, &mode, sizeof(mode), which) != 0) return false;
    return (mode & synchronous) != 0;
}

bool is_open(int fd) {
    DWORD flags = 0;
    return GetHandleInformation(handle_of(fd), &flags) != 0;
}

/// The event tells of the first byte only.
void wait_until_holds(fd2_native watched, int) {
    (void)wait_until_ready(watched, hang());
    wait_for_quiet();
}

const char* const plugin_suffix = ".dll";

fd2_backend_entry_fn entry_of(const std::string& file) {
    const HMODULE library = LoadLibraryW(std::filesystem::path(file).c_str());
    if (library == nullptr) return nullptr;
    return reinterpret_cast<fd2_backend_entry_fn>(
        reinterpret_cast<void (*)()>(GetProcAddress(library, FD2_BACKEND_ENTRY)));
}

void drop_rights() {}

void ignore_broken_pipes() {}

std::map<pid_t, task> tasks() {
    using describe = HRESULT(WINAPI*)(HANDLE thread, PWSTR * name);
    const auto name_of_thread = reinterpret_cast<describe>(reinterpret_cast<void (*)()>(
        GetProcAddress(GetModuleHandleW(L"kernel32.dll"), "GetThreadDescription")));
    std::map<pid_t, task> out;
    const HANDLE listing = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0);
    THREADENTRY32 entry{};
    entry.dwSize = sizeof(entry);
    for (BOOL more = Thread32First(listing, &entry); more; more = Thread32Next(listing, &entry)) {
        if (entry.th32OwnerProcessID != GetCurrentProcessId()) continue;
        task one;
        one.state = 'S';
        const HANDLE thread =
            OpenThread(THREAD_QUERY_LIMITED_INFORMATION, FALSE, entry.th32ThreadID);
        PWSTR name = nullptr;
        if (thread != nullptr && name_of_thread != nullptr &&
            SUCCEEDED(name_of_thread(thread, &name)) && name != nullptr) {
            for (const wchar_t* at = name; *at != L'\0'; ++at) one.name += static_cast<char>(*at);
            (void)LocalFree(name);
        }
        if (thread != nullptr) (void)CloseHandle(thread);
        out[static_cast<pid_t>(entry.th32ThreadID)] = one;
    }
    (void)CloseHandle(listing);
    return out;
}

pid_t own_task() {
    return static_cast<pid_t>(GetCurrentThreadId());
}

/// There are none.
bool takes_no_signal(const task&) {
    return true;
}

std::string running_beyond(const std::map<pid_t, task>& before) {
    std::string out;
    for (const auto& [id, each] : tasks()) {
        if (before.count(id) == 0) out += (out.empty() ? "" : ", ") + each.name;
    }
    return out;
}

/// Nothing here tells which threads could run.
void wait_for_quiet() {
    sleep_for(60 * millisecond);
}

}  // namespace fd2::conformance
