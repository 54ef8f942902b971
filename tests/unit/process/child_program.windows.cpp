// A child that does as it is told. Usage: process_child WHAT [ARGUMENT...]; see main.
#include <windows.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <cwchar>
#include <string>

namespace {

void say(HANDLE where, const std::string& text) {
    DWORD written = 0;
    if (!::WriteFile(where, text.data(), static_cast<DWORD>(text.size()), &written, nullptr) ||
        written != text.size()) {
        ::ExitProcess(98);
    }
}

void say(const std::string& text) {
    say(::GetStdHandle(STD_OUTPUT_HANDLE), text);
}

std::string utf8(const wchar_t* text) {
    char bytes[8192];
    const int size =
        ::WideCharToMultiByte(CP_UTF8, 0, text, -1, bytes, sizeof(bytes), nullptr, nullptr);
    return size > 0 ? std::string(bytes, static_cast<std::size_t>(size) - 1) : std::string();
}

// Every handle that there is, by asking for each number: what it is of, and whether it may be
// inherited. The standard ones by their names.
int print_handles() {
    std::string out;
    for (std::uintptr_t number = 4; number < 0x2000; number += 4) {
        const HANDLE handle = reinterpret_cast<HANDLE>(number);
        DWORD flags = 0;
        if (!::GetHandleInformation(handle, &flags) || (flags & HANDLE_FLAG_INHERIT) == 0) continue;
        out += "inheritable " + std::to_string(number);
        if (handle == ::GetStdHandle(STD_INPUT_HANDLE)) out += " stdin";
        if (handle == ::GetStdHandle(STD_OUTPUT_HANDLE)) out += " stdout";
        if (handle == ::GetStdHandle(STD_ERROR_HANDLE)) out += " stderr";
        out += '\n';
    }
    say(out);
    return 0;
}

// Whether an event that the parent has, and whose number it says, is here.
int has_handle(const wchar_t* number) {
    const auto handle =
        reinterpret_cast<HANDLE>(static_cast<std::uintptr_t>(std::wcstoull(number, nullptr, 10)));
    return ::SetEvent(handle) ? 1 : 0;
}

// Starts itself once more, with the same handles, and leaves that behind.
int leave_helper(const wchar_t* milliseconds) {
    wchar_t self[MAX_PATH];
    ::GetModuleFileNameW(nullptr, self, MAX_PATH);
    std::wstring line = L"helper hold ";
    line += milliseconds;
    STARTUPINFOW start{};
    start.cb = sizeof(start);
    PROCESS_INFORMATION made{};
    if (!::CreateProcessW(self, line.data(), nullptr, nullptr, TRUE, 0, nullptr, nullptr, &start,
                          &made)) {
        return 97;
    }
    say(std::to_string(made.dwProcessId) + "\n");
    return 5;
}

HANDLE event_came;
DWORD event_kind;

// As a program does that tidies up before it ends.
int answer_console() {
    event_came = ::CreateEventW(nullptr, TRUE, FALSE, nullptr);
    ::SetConsoleCtrlHandler(
        [](DWORD kind) -> BOOL {
            event_kind = kind;
            return ::SetEvent(event_came);
        },
        TRUE);
    say("ready\n");
    ::WaitForSingleObject(event_came, INFINITE);
    say(::GetStdHandle(STD_ERROR_HANDLE),
        event_kind == CTRL_C_EVENT ? "tidied up after Ctrl-C\n" : "tidied up after Ctrl-Break\n");
    return 42;
}

int copy_input() {
    char bytes[4096];
    for (;;) {
        DWORD got = 0;
        if (!::ReadFile(::GetStdHandle(STD_INPUT_HANDLE), bytes, sizeof(bytes), &got, nullptr)) {
            return ::GetLastError() == ERROR_BROKEN_PIPE ? 0 : 94;
        }
        if (got == 0) return 0;
        say(std::string(bytes, got));
    }
}

// COUNT times the bytes 0 to 255, to stderr, in pieces of odd sizes.
int write_bytes(const wchar_t* count) {
    std::string all;
    const unsigned long times = std::wcstoul(count, nullptr, 10);
    for (unsigned long i = 0; i < times; ++i) {
        for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
    }
    for (std::size_t at = 0, size = 1; at < all.size(); at += size, size = size * 3 % 1009 + 1) {
        say(::GetStdHandle(STD_ERROR_HANDLE), all.substr(at, size));
    }
    return 0;
}

}  // namespace

int wmain(int argc, wchar_t** argv) {
    const std::wstring what = argc > 1 ? argv[1] : L"";
    const wchar_t* const argument = argc > 2 ? argv[2] : L"0";
    if (what == L"exit") {
        ::ExitProcess(static_cast<UINT>(std::wcstoul(argument, nullptr, 0)));
    }
    if (what == L"crash") {  // without a message box or a debugger
        ::SetUnhandledExceptionFilter(
            [](EXCEPTION_POINTERS*) -> LONG { return EXCEPTION_EXECUTE_HANDLER; });
        ::RaiseException(EXCEPTION_ACCESS_VIOLATION, EXCEPTION_NONCONTINUABLE, 0, nullptr);
    }
    if (what == L"handles") return print_handles();
    if (what == L"has") return has_handle(argument);
    if (what == L"helper") return leave_helper(argument);
    if (what == L"hold") {
        ::Sleep(std::wcstoul(argument, nullptr, 10));
        return 0;
    }
    if (what == L"pause") {  // says its number first
        say(std::to_string(::GetCurrentProcessId()) + "\n");
        ::Sleep(INFINITE);
    }
    if (what == L"arguments") {  // the directory, then one argument a line
        wchar_t directory[MAX_PATH];
        if (::GetCurrentDirectoryW(MAX_PATH, directory) == 0) return 95;
        say(utf8(directory) + "\n");
        for (int i = 0; i < argc; ++i) say(utf8(argv[i]) + "\n");
        return 0;
    }
    if (what == L"environment") {
        wchar_t* const block = ::GetEnvironmentStringsW();
        for (const wchar_t* at = block; *at != L'\0'; at += std::wcslen(at) + 1) {
            say(utf8(at) + "\n");
        }
        return 0;
    }
    if (what == L"copy") {  // and what it is told to, to stderr
        if (argc > 2) say(::GetStdHandle(STD_ERROR_HANDLE), utf8(argument));
        return copy_input();
    }
    if (what == L"answer") return answer_console();
    if (what ==
        L"send") {  // an event (0: Ctrl-C, 1: Ctrl-Break) to all of its console, but for itself
        ::SetConsoleCtrlHandler([](DWORD) -> BOOL { return TRUE; }, TRUE);
        const DWORD event = std::wcstoul(argument, nullptr, 10);
        return ::GenerateConsoleCtrlEvent(event, 0) ? 0 : static_cast<int>(::GetLastError());
    }
    if (what == L"bytes") return write_bytes(argument);
    if (what == L"say") {  // a line to stderr, and one to stdout
        say(::GetStdHandle(STD_ERROR_HANDLE), utf8(argument) + "\n");
        say("out\n");
        return 0;
    }
    return 92;
}
