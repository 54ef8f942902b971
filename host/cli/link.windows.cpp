// A link is a copy here: a symbolic link needs a privilege, and a program does not learn by which
// of its names it was started.
#include "cli/link.hpp"

#include <winsock2.h>

#include <windows.h>

#include <charconv>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "base/files.hpp"
#include "base/plain_text.hpp"
#include "base/system_code.hpp"
#include "base/utf16.windows.hpp"
#include "cli/environment.hpp"
#include "cli/system.hpp"
#include "process/command_search.hpp"

namespace fd2::cli {

namespace {

constexpr const char* hops_variable = "_FD2_LINK";

bool is_program_name(std::string_view text) noexcept {
    return !text.empty() && text.find_first_of("/\\:*?\"<>|") == text.npos && text != "." &&
           text != ".." && !text.starts_with("fd2");
}

std::string directory_of(const std::string& path) {
    return path.substr(0, path.rfind('/'));
}

/// "C:/bin/ssh.exe" without ".exe".
std::string without_suffix(std::string path) {
    if (path.size() <= program_suffix.size()) return path;
    const std::size_t rest = path.size() - program_suffix.size();
    const std::wstring suffix = utf16_of(std::string_view(path).substr(rest));
    if (::CompareStringOrdinal(suffix.c_str(), -1, L".exe", -1, TRUE) == CSTR_EQUAL) {
        path.resize(rest);
    }
    return path;
}

bool have_same_bytes(const std::string& one, const std::string& other) {
    std::ifstream left(path_of(one), std::ios::binary), right(path_of(other), std::ios::binary);
    if (!left || !right) return false;
    constexpr std::size_t size = 65536;
    std::string a(size, '\0'), b(size, '\0');
    do {
        left.read(a.data(), size);
        right.read(b.data(), size);
        if (left.gcount() != right.gcount() || a != b) return false;
    } while (left && right);
    return left.eof() && right.eof();
}

/// Whether both are the same file, or name the same one.
bool is_same(const std::string& one, const std::string& other) {
    const auto left = identity_of(one), right = identity_of(other);
    return left && right && *left == *right;
}

}  // namespace

std::string home_note_of(const std::string& executable) {
    return without_suffix(executable) + ".fd2-home";
}

bool is_ourselves(const std::string& path) {
    return is_same(path, own_executable());
}

bool is_executable(const std::string& path) {
    std::error_code ignored;
    return std::filesystem::is_regular_file(path_of(path), ignored);
}

int link(const std::string& directory, const std::vector<std::string>& names) {
    std::error_code failed;
    std::filesystem::create_directories(path_of(directory), failed);
    if (failed) {
        complain(text_of(system_failure("link: create directory", directory, failed.value())));
        return 1;
    }
    const std::string self = own_executable();
    int status = 0;
    for (const std::string& name : names) {
        const std::string path = without_suffix(directory + "/" + name) + ".exe";
        if (!is_program_name(name)) {
            complain("link: '" + name + "': not a valid command name");
            status = 1;
            continue;
        }
        if (is_there(path) && have_same_bytes(path, self)) {
            std::cout << plain(path) << ": already a copy of fd2\n";
        } else if (::CopyFileW(system_path(self).c_str(), system_path(path).c_str(), TRUE)) {
            std::cout << plain(path) << ": a copy of " << plain(self) << '\n';
        } else {
            failure why = system_failure("link: copy", path, last_system_code());
            if (why.sys_errno == ERROR_FILE_EXISTS)
                why.advice = "choose another directory, or remove this file first";
            complain(text_of(why));
            status = 1;
            continue;
        }
        const std::string note = home_note_of(path);
        std::ofstream home(path_of(note), std::ios::binary | std::ios::trunc);
        home << directory_of(self) << '\n';
        if (!home.flush()) {
            complain(text_of(system_failure("link: write", note, last_system_code())));
            status = 1;
        }
    }
    return status;
}

// Not by argv[0], which the caller makes up.
std::optional<std::string> borrowed_name(const char*) {
    const std::string self = own_executable();
    const std::string name = without_suffix(self.substr(self.rfind('/') + 1));
    if (!is_program_name(name)) return std::nullopt;
    return name;
}

result<std::string> next_on_path(const std::string& name) {
    const auto path = environment_variable("PATH");
    const std::string self = own_executable();
    const auto here = identity_of(directory_of(self));
    std::vector<std::string> behind;
    for (const auto& file : process::command_candidates(name, path ? path->c_str() : nullptr)) {
        const auto directory = identity_of(file.substr(0, file.find_last_of("/\\")));
        if (here && directory && *here == *directory) {
            behind.clear();  // what came before may have called us
        } else if (is_executable(file)) {
            behind.push_back(file);
        }
    }
    // Each copy goes on behind its own directory, so that along one PATH they never call each other
    // for ever. Where something in between changes PATH, the hops end it.
    const auto said = environment_variable(hops_variable);
    unsigned hops = 0;
    if (said) std::from_chars(said->data(), said->data() + said->size(), hops);
    if (behind.empty()) {
        return advise({errc::unsupported, ERROR_FILE_NOT_FOUND,
                       name + ": no other command of this name on PATH after " + self +
                           ", which is a copy of fd2"},
                      "install " + name + ", or fix PATH");
    }
    if (hops >= most_hops) {
        return advise({errc::state, 0,
                       name + ": " + self + " and " + behind.front() +
                           " call each other: " + std::to_string(hops) + " commands deep"},
                      "remove one of the two from PATH");
    }
    set_variable(hops_variable, std::to_string(hops + 1));
    return behind.front();
}

}  // namespace fd2::cli
