#include <windows.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "base/utf16.windows.hpp"
#include "process/command_search.hpp"

namespace fd2::process {
namespace {

/// What CreateProcess can start, by itself or by cmd.exe.
constexpr std::array<std::string_view, 4> startable{".com", ".exe", ".bat", ".cmd"};

std::string lower_ascii(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return out;
}

/// Calls `each` with the parts of a list as in PATH: semicolons separate, quotes protect them.
template <class Each>
void split(std::string_view list, Each each) {
    std::string part;
    bool quoted = false;
    for (const char c : list) {
        if (c == '"') {
            quoted = !quoted;
        } else if (c == ';' && !quoted) {
            each(part);
            part.clear();
        } else {
            part += c;
        }
    }
    each(part);
}

std::string path_extensions() {
    std::array<wchar_t, 1024> text{};
    const DWORD size =
        ::GetEnvironmentVariableW(L"PATHEXT", text.data(), static_cast<DWORD>(text.size()));
    if (size == 0 || size >= text.size()) return ".com;.exe;.bat;.cmd";
    return lower_ascii(utf8_of({text.data(), size}));
}

/// The endings to try, in order. A name that has one that can be started is tried as it is first.
std::vector<std::string> endings_for(std::string_view command) {
    std::vector<std::string> out;
    const std::string name = lower_ascii(command.substr(command.find_last_of("/\\:") + 1));
    const auto can_start = [](std::string_view ending) {
        return std::find(startable.begin(), startable.end(), ending) != startable.end();
    };
    const std::size_t dot = name.rfind('.');
    if (dot != std::string::npos && can_start(std::string_view(name).substr(dot)))
        out.push_back("");
    split(path_extensions(), [&](const std::string& ending) {
        if (can_start(ending)) out.push_back(ending);
    });
    if (out.empty() || !out.front().empty()) out.push_back("");
    return out;
}

}  // namespace

// The working directory is no part of the search, other than with CreateProcess and cmd.exe: what
// lies about where a script happens to run must not take the place of a program.
std::vector<std::string> command_candidates(std::string_view command, const char* path) {
    std::vector<std::string> found;
    if (command.empty()) return found;
    const std::vector<std::string> endings = endings_for(command);
    const auto add = [&](const std::string& file) {
        for (const auto& ending : endings) found.push_back(file + ending);
    };
    if (command.find_first_of("/\\:") != std::string_view::npos) {
        add(std::string(command));
        return found;
    }
    split(path ? path : "", [&](std::string directory) {
        if (directory.empty()) return;
        if (!directory.ends_with('\\') && !directory.ends_with('/')) directory += '\\';
        add(directory.append(command));
    });
    return found;
}

std::string_view command_base(std::string_view path) noexcept {
    path = path.substr(path.find_last_of("/\\:") + 1);
    const std::size_t dot = path.rfind('.');
    if (dot == std::string_view::npos || dot == 0 || path.size() - dot != 4) return path;
    for (const std::string_view ending : startable) {
        bool same = true;
        for (std::size_t i = 0; i < 4; ++i) {
            const char c = path[dot + i];
            same = same && (c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c) == ending[i];
        }
        if (same) return path.substr(0, dot);
    }
    return path;
}

}  // namespace fd2::process
