#include "cli/link.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "base/failure.hpp"
#include "cli/environment.hpp"
#include "process/command_search.hpp"

namespace fd2::cli {

bool is_ourselves(const std::string& path) {
    struct stat self {};
    struct stat other {};
    return ::stat("/proc/self/exe", &self) == 0 && ::stat(path.c_str(), &other) == 0 &&
           self.st_dev == other.st_dev && self.st_ino == other.st_ino;
}

bool is_executable(const std::string& path) {
    struct stat status {};
    return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) &&
           ::access(path.c_str(), X_OK) == 0;
}

int link(const std::string& directory, const std::vector<std::string>& names) {
    std::error_code ignored;
    std::filesystem::create_directories(directory, ignored);  // a failure shows itself below
    const std::string self = std::filesystem::read_symlink("/proc/self/exe", ignored);
    int status = 0;
    for (const std::string& name : names) {
        const std::string path = directory + "/" + name;
        if (name.empty() || name.find('/') != name.npos || name.starts_with("fd2")) {
            complain("link: '" + name + "': not a command's name");
            status = 1;
        } else if (is_ourselves(path)) {
            std::printf("%s: is a link to fd2 already\n", path.c_str());
        } else if (::symlink(self.c_str(), path.c_str()) == 0) {
            std::printf("%s -> %s\n", path.c_str(), self.c_str());
        } else {
            const int failed = errno;
            complain(system_failure("symlink", path, failed).message +
                     (failed == EEXIST ? "; choose an empty directory, or remove it first" : ""));
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

std::optional<std::string> next_on_path(const std::string& name) {
    for (const auto& candidate : process::command_candidates(name, ::getenv("PATH"))) {
        if (is_executable(candidate) && !is_ourselves(candidate)) return candidate;
    }
    return std::nullopt;
}

}  // namespace fd2::cli
