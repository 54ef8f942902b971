#include "process/holders.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <string_view>

#include "base/plain_text.hpp"
#include "base/unique_fd.hpp"

namespace fd2::process {

namespace {

struct close_directory {
    void operator()(DIR* directory) const noexcept { ::closedir(directory); }
};
using directory = std::unique_ptr<DIR, close_directory>;

/// What a command line may take in a message.
constexpr std::size_t longest_command = 200;

std::string command_of(const std::string& process) {
    const unique_fd file(::open((process + "/cmdline").c_str(), O_RDONLY | O_CLOEXEC));
    char text[longest_command];
    const ssize_t size = file ? ::read(file.get(), text, sizeof(text)) : -1;
    if (size <= 0) return "?";
    std::string_view words(text, static_cast<std::size_t>(size));
    while (words.ends_with('\0')) words.remove_suffix(1);
    return blank_controls(words);
}

/// 1: holds it; 0: does not; -1: may not be looked at.
int holds(const std::string& process, object_id object) {
    const std::string path = process + "/fd";
    const directory open_files(::opendir(path.c_str()));
    if (!open_files) return errno == ENOENT || errno == ESRCH ? 0 : -1;
    while (const dirent* entry = ::readdir(open_files.get())) {
        struct stat status {};
        if (entry->d_name[0] == '.') continue;
        if (::fstatat(::dirfd(open_files.get()), entry->d_name, &status, 0) != 0) continue;
        if (status.st_dev == object.device && status.st_ino == object.inode) return 1;
    }
    return 0;
}

}  // namespace

std::optional<object_id> object_behind(int fd) noexcept {
    struct stat about {};
    if (::fstat(fd, &about) != 0) return std::nullopt;
    return object_id{about.st_dev, about.st_ino};
}

holders holders_of(object_id object, nanoseconds_t deadline) {
    holders out;
    const directory processes(::opendir("/proc"));
    if (!processes) {
        out.complete = false;
        return out;
    }
    while (const dirent* entry = ::readdir(processes.get())) {
        const char* const end = entry->d_name + std::strlen(entry->d_name);
        pid_t pid = 0;
        if (std::from_chars(entry->d_name, end, pid).ptr != end || pid == ::getpid()) continue;
        if (now() >= deadline) {
            out.complete = false;
            break;
        }
        const std::string process = std::string("/proc/") + entry->d_name;
        const int answer = holds(process, object);
        if (answer < 0) out.complete = false;
        if (answer > 0) out.found.push_back({pid, command_of(process)});
    }
    std::sort(out.found.begin(), out.found.end(),
              [](const holder& a, const holder& b) { return a.pid < b.pid; });
    return out;
}

}  // namespace fd2::process
