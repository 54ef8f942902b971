#include "cli/system.hpp"

#include <winsock2.h>

#include <windows.h>

#include <shellapi.h>

#include <array>

#include "base/handle.windows.hpp"
#include "base/utf16.windows.hpp"
#include "process/exit_as.hpp"
#include "process/standard_fds.hpp"

namespace fd2::cli {

const std::string_view program_suffix = ".exe";

// What the C library gives to main has been translated to the code page of a time without UTF-8.
std::vector<std::string> words_of(int argc, char** argv) {
    int count = 0;
    LPWSTR* const words = ::CommandLineToArgvW(::GetCommandLineW(), &count);
    if (words == nullptr) return {argv, argv + argc};
    std::vector<std::string> out;
    for (int i = 0; i < count; ++i) out.push_back(utf8_of(words[i]));
    ::LocalFree(words);
    return out;
}

void set_variable(const std::string& name, const std::string& value) {
    ::SetEnvironmentVariableW(utf16_of(name).c_str(), utf16_of(value).c_str());
}

std::string name_of_machine() {
    // Made at the installation, like machine-id(5).
    std::array<wchar_t, 64> text{};
    DWORD size = sizeof(text);
    if (::RegGetValueW(HKEY_LOCAL_MACHINE, L"SOFTWARE\\Microsoft\\Cryptography", L"MachineGuid",
                       RRF_RT_REG_SZ | RRF_SUBKEY_WOW6464KEY, nullptr, text.data(),
                       &size) == ERROR_SUCCESS) {
        return utf8_of(text.data());
    }
    std::array<wchar_t, 256> name{};
    DWORD length = static_cast<DWORD>(name.size());
    if (!::GetComputerNameExW(ComputerNameDnsHostname, name.data(), &length)) return {};
    return utf8_of({name.data(), length});
}

std::string name_of_user() {
    std::array<wchar_t, 257> name{};
    DWORD length = static_cast<DWORD>(name.size());
    if (!::GetUserNameW(name.data(), &length) || length == 0) return "?";
    return utf8_of({name.data(), length - 1});
}

bool is_terminal(int fd) noexcept {
    DWORD mode = 0;
    return fd >= 0 && ::GetConsoleMode(handle_of(fd), &mode) != 0;
}

std::optional<terminal_size> size_of(int terminal) noexcept {
    CONSOLE_SCREEN_BUFFER_INFO about{};
    if (terminal < 0 || !::GetConsoleScreenBufferInfo(handle_of(terminal), &about)) {
        return std::nullopt;
    }
    const SMALL_RECT& seen = about.srWindow;
    return terminal_size{static_cast<std::uint16_t>(seen.Bottom - seen.Top + 1),
                         static_cast<std::uint16_t>(seen.Right - seen.Left + 1), 0, 0};
}

std::optional<terminal_size> size_of_own_terminal() noexcept {
    return std::nullopt;
}

bool takes_colours(int terminal) noexcept {
    DWORD mode = 0;
    return ::GetConsoleMode(handle_of(terminal), &mode) != 0 &&
           (mode & ENABLE_VIRTUAL_TERMINAL_PROCESSING) != 0;
}

// Whether a write would wait cannot be asked.
void say_at_once(std::string_view text) noexcept {
    DWORD written = 0;
    ::WriteFile(handle_of(process::standard_descriptor(2)), text.data(),
                static_cast<DWORD>(text.size()), &written, nullptr);
}

void leave_at_once(int status) noexcept {
    process::exit_as(exit_status::exited(status));
}

}  // namespace fd2::cli
