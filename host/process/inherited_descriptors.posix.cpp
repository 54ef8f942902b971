#include "process/inherited_descriptors.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

namespace fd2::process {
namespace {

constexpr const char* own_descriptors = "/proc/self/fd";

// Without /proc each number is asked for: 50 ns each.
constexpr rlim_t most_to_ask = 65536;

bool came_through_exec(int fd) noexcept {
    const int flags = ::fcntl(fd, F_GETFD);
    return flags >= 0 && (flags & FD_CLOEXEC) == 0;
}

// Linux 6.2 and later give the number of open descriptors as the directory's size, older ones 0.
bool only_the_standard_ones() noexcept {
    struct stat status {};
    return ::stat(own_descriptors, &status) == 0 && status.st_size == 3;
}

bool read_directory(std::vector<int>& out) {
    DIR* const list = ::opendir(own_descriptors);
    if (list == nullptr) return false;
    while (const dirent* entry = ::readdir(list)) {
        const char* const end = entry->d_name + std::strlen(entry->d_name);
        int fd = -1;
        const auto [stop, failed] = std::from_chars(entry->d_name, end, fd);
        if (failed != std::errc() || stop != end || fd <= STDERR_FILENO) continue;
        if (came_through_exec(fd)) out.push_back(fd);  // our own of the directory did not
    }
    ::closedir(list);
    return true;
}

void ask_each(std::vector<int>& out) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    const int end = static_cast<int>(std::min(limit.rlim_cur, most_to_ask));
    for (int fd = STDERR_FILENO + 1; fd < end; ++fd) {
        if (came_through_exec(fd)) out.push_back(fd);
    }
}

}  // namespace

inherited_descriptors inherited_descriptors::note() {
    inherited_descriptors found;
    if (only_the_standard_ones()) return found;
    if (!read_directory(found.numbers_)) ask_each(found.numbers_);
    return found;
}

void inherited_descriptors::close() const noexcept {
    for (const int fd : numbers_) {
        // An error of close(2) is about data of the command's or of our caller's; Linux closes it
        // all the same.
        if (came_through_exec(fd)) ::close(fd);
    }
}

}  // namespace fd2::process
