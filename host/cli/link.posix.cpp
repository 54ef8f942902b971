#include "cli/link.hpp"

#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string_view>

#include "base/files.posix.hpp"
#include "base/plain_text.hpp"
#include "cli/environment.hpp"
#include "process/command_search.hpp"

namespace fd2::cli {

namespace {

/// The file that was executed, as the caller spelled it: the link, not what it leads to. Needs no
/// /proc. Empty if it is not known.
std::string called_file() {
    const auto* named = reinterpret_cast<const char*>(::getauxval(AT_EXECFN));
    // "/dev/fd/5" or "/proc/self/fd/5": executed by descriptor. The name that is left is argv[0].
    if (named && ::access(named, F_OK) == 0 &&
        std::string_view(named).find("/fd/") == std::string_view::npos) {
        return named;
    }
    for (const auto& file :
         process::command_candidates(program_invocation_name, ::getenv("PATH"))) {
        if (is_executable(file)) return file;
    }
    return {};
}

/// Whether both are the same entry of the same directory. (Other links to one file are not.)
bool same_entry(const std::string& one, const std::string& other) {
    const auto split = [](const std::string& path) {
        const std::size_t slash = path.rfind('/');
        if (slash == path.npos) return std::pair<std::string, std::string>(".", path);
        return std::pair(path.substr(0, slash + 1), path.substr(slash + 1));
    };
    const auto [directory, name] = split(one);
    const auto [other_directory, other_name] = split(other);
    struct stat here {};
    struct stat there {};
    return name == other_name && ::stat(directory.c_str(), &here) == 0 &&
           ::stat(other_directory.c_str(), &there) == 0 && same_file(here, there);
}

constexpr const char* trail_variable = "_FD2_LINK";

/// What one link tells the next, as four numbers. The name has no prefix FD2_, which is for
/// settings.
struct trail {
    std::uint64_t pid = 0;     ///< of the link that wrote it
    std::uint64_t hops = 0;    ///< links so far
    std::uint64_t place = 0;   ///< on PATH, of the command that it called
    std::uint64_t search = 0;  ///< stands for PATH as it was, and the name that was looked for
};

std::optional<trail> read_trail() {
    const char* const text = ::getenv(trail_variable);
    if (!text) return std::nullopt;
    trail out;
    const char* at = text;
    const char* const end = text + std::string_view(text).size();
    for (std::uint64_t* const into : {&out.pid, &out.hops, &out.place, &out.search}) {
        if (into != &out.pid && (at == end || *at++ != ' ')) return std::nullopt;
        const auto [stop, failed] = std::from_chars(at, end, *into);
        if (failed != std::errc()) return std::nullopt;
        at = stop;
    }
    return at == end ? std::optional(out) : std::nullopt;
}

void write_trail(const trail& now) {
    const std::string text = std::to_string(now.pid) + ' ' + std::to_string(now.hops) + ' ' +
                             std::to_string(now.place) + ' ' + std::to_string(now.search);
    ::setenv(trail_variable, text.c_str(), 1);
}

/// FNV-1a: the same in every build.
std::uint64_t number_of(std::string_view text) noexcept {
    std::uint64_t out = 0xcbf29ce484222325;
    for (const char c : text) out = (out ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return out;
}

}  // namespace

bool is_ourselves(const std::string& path) {
    struct stat self {};
    struct stat other {};
    if (::stat("/proc/self/exe", &self) != 0) {
        const std::string called = called_file();
        if (called.empty() || ::stat(called.c_str(), &self) != 0) return false;
    }
    return ::stat(path.c_str(), &other) == 0 && same_file(self, other);
}

bool is_executable(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
           ::access(path.c_str(), X_OK) == 0;
}

int link(const std::string& directory, const std::vector<std::string>& names) {
    std::error_code failed;
    std::filesystem::create_directories(directory, failed);
    if (failed) {
        complain(text_of(system_failure("link: create directory", directory, failed.value())));
        return 1;
    }
    const std::string self = own_executable();
    if (self.empty()) {
        complain(text_of(system_failure("link: find this executable", "/proc/self/exe", ENOENT)));
        return 1;
    }
    int status = 0;
    for (const std::string& name : names) {
        const std::string path = directory + "/" + name;
        if (name.empty() || name == "." || name == ".." || name.find('/') != name.npos ||
            name.starts_with("fd2")) {
            complain("link: '" + name + "': not a valid command name");
            status = 1;
        } else if (is_ourselves(path)) {
            std::cout << plain(path) << ": already a link to fd2\n";
        } else if (::symlink(self.c_str(), path.c_str()) == 0) {
            std::cout << plain(path) << " -> " << plain(self) << '\n';
        } else {
            failure why = system_failure("link: symlink", path, errno);
            if (why.sys_errno == EEXIST)
                why.advice = "choose another directory, or remove this file first";
            complain(text_of(why));
            status = 1;
        }
    }
    return status;
}

std::optional<std::string> borrowed_name(const char* argv0) {
    std::string name = argv0 ? argv0 : "";
    name.erase(0, name.rfind('/') + 1);
    // A login shell's leading '-' and versioned names of our own are us.
    if (name.empty() || name.starts_with('-') || name.starts_with("fd2")) return std::nullopt;
    return name;
}

result<std::string> next_on_path(const std::string& name) {
    const char* const path = ::getenv("PATH");
    const auto candidates = process::command_candidates(name, path);
    const std::string called = called_file();
    const auto last = read_trail();
    trail next;
    next.pid = static_cast<std::uint64_t>(::getpid());
    next.search = number_of((path ? path : "") + ('/' + name));

    std::size_t first = 0;
    // It started us, or (while fd2 is disabled) became us.
    const auto wrote = [&](pid_t pid) { return last->pid == static_cast<std::uint64_t>(pid); };
    const bool straight = last && (wrote(::getppid()) || wrote(::getpid())) &&
                          last->search == next.search && last->place < candidates.size();
    if (straight) {
        // Called by another link, which searched the same PATH: go on behind where it found us.
        first = last->place + 1;
        next.hops = last->hops;
    } else {
        next.hops = last ? last->hops + 1 : 0;
        for (std::size_t i = 0; i < candidates.size(); ++i) {
            if (!same_entry(candidates[i], called)) continue;
            first = i + 1;
            break;
        }
    }
    for (std::size_t i = first; i < candidates.size(); ++i) {
        const std::string& found = candidates[i];
        if (!is_executable(found) || is_ourselves(found) || same_entry(found, called)) continue;
        // An empty entry of PATH is the working directory. Without a slash it would be searched
        // for.
        const std::string file = found.find('/') == found.npos ? "./" + found : found;
        if (next.hops >= most_hops) {
            return advise({errc::state, ELOOP,
                           name + ": " + called + " and " + file +
                               " call each other: " + std::to_string(next.hops) + " commands deep"},
                          "remove one of the two from PATH, or make it call the real " + name +
                              " by its full path");
        }
        next.place = i;
        write_trail(next);
        return file;
    }
    return advise({errc::unsupported, ENOENT,
                   name + ": no other command of this name on PATH after " +
                       (called.empty() ? "this one" : called) + ", which is a link to fd2"},
                  "install " + name + ", or fix PATH");
}

}  // namespace fd2::cli
