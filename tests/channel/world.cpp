#include "world.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string_view>

#include "recorder.hpp"

extern char** environ;

namespace channel_suite {

namespace {
// A prime, so that no block size divides it and a lost or doubled block cannot go unnoticed.
constexpr std::size_t period = 1048573;

const std::vector<std::uint8_t>& pattern() {
    // Never destroyed: a test leaves by exit while drains still compare.
    static const std::vector<std::uint8_t>* const bytes = [] {
        auto* made = new std::vector<std::uint8_t>(period);
        std::mt19937_64 random(2);
        for (auto& byte : *made) {
            byte = static_cast<std::uint8_t>(random());
            if (byte == '\n') byte = 'n';
        }
        return made;
    }();
    return *bytes;
}
}  // namespace

const std::uint8_t* pattern_at(std::uint64_t position, std::size_t& contiguous) {
    const auto at = static_cast<std::size_t>(position % period);
    contiguous = period - at;
    return pattern().data() + at;
}

bool pattern_matches(std::uint64_t position, const std::uint8_t* data, std::size_t size) {
    while (size != 0) {
        std::size_t part = 0;
        const std::uint8_t* want = pattern_at(position, part);
        part = std::min(part, size);
        if (std::memcmp(want, data, part) != 0) return false;
        position += part;
        data += part;
        size -= part;
    }
    return true;
}

bool write_all(int fd, const void* data, std::size_t size, std::size_t piece) {
    const auto* from = static_cast<const char*>(data);
    while (size != 0) {
        const ssize_t put = ::write(fd, from, std::min(size, piece));
        if (put < 0 && errno == EINTR) continue;
        if (put < 0 && errno == EAGAIN) {
            pollfd room{fd, POLLOUT, 0};
            (void)::poll(&room, 1, -1);
            continue;
        }
        if (put <= 0) return false;
        from += put;
        size -= static_cast<std::size_t>(put);
    }
    return true;
}

bool write_pattern(int fd, std::uint64_t position, std::uint64_t size, std::size_t piece) {
    while (size != 0) {
        std::size_t part = 0;
        const std::uint8_t* from = pattern_at(position, part);
        part = static_cast<std::size_t>(std::min<std::uint64_t>({part, size, piece}));
        if (!write_all(fd, from, part)) return false;
        position += part;
        size -= part;
    }
    return true;
}

std::uint64_t fill(int fd, std::size_t piece) {
    const int flags = ::fcntl(fd, F_GETFL);
    (void)::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    const std::vector<std::uint8_t> bytes(piece, 'x');
    std::uint64_t total = 0;
    for (;;) {
        const ssize_t put = ::write(fd, bytes.data(), piece);
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) break;
        total += static_cast<std::uint64_t>(put);
    }
    (void)::fcntl(fd, F_SETFL, flags);
    return total;
}

std::uint64_t fill_pattern(int fd, std::uint64_t position, std::size_t piece) {
    const int flags = ::fcntl(fd, F_GETFL);
    (void)::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    std::uint64_t total = 0;
    for (;;) {
        std::size_t part = 0;
        const std::uint8_t* from = pattern_at(position + total, part);
        const ssize_t put = ::write(fd, from, std::min(part, piece));
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) break;
        total += static_cast<std::uint64_t>(put);
    }
    (void)::fcntl(fd, F_SETFL, flags);
    return total;
}

child::child(int child_end, const std::function<int()>& body) {
    std::size_t ignored = 0;
    (void)pattern_at(0, ignored);  // made before the fork
    pid_ = ::fork();
    if (pid_ != 0) return;
    (void)::signal(SIGPIPE, SIG_DFL);
    if (::dup2(child_end, 2) < 0) ::_exit(111);
    (void)::syscall(SYS_close_range, 3u, ~0u, 0u);
    ::_exit(body());
}

child::~child() {
    if (pid_ <= 0) return;
    (void)::kill(pid_, SIGKILL);
    (void)wait();
}

int child::wait() {
    int status = 0;
    pid_t got;
    do {
        got = ::waitpid(pid_, &status, 0);
    } while (got < 0 && errno == EINTR);
    pid_ = -1;
    return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

std::map<int, std::pair<std::uint64_t, std::uint64_t>> descriptors() {
    std::map<int, std::pair<std::uint64_t, std::uint64_t>> out;
    DIR* listing = ::opendir("/proc/self/fd");
    while (const dirent* entry = listing != nullptr ? ::readdir(listing) : nullptr) {
        const int fd = std::atoi(entry->d_name);
        struct stat status {};
        if (entry->d_name[0] == '.' || fd == ::dirfd(listing)) continue;
        if (::fstat(fd, &status) == 0) out[fd] = {status.st_dev, status.st_ino};
    }
    if (listing != nullptr) ::closedir(listing);
    return out;
}

std::map<pid_t, task> tasks() {
    std::map<pid_t, task> out;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task")) {
        std::ifstream status(entry.path() / "status");
        task one;
        for (std::string line; std::getline(status, line);) {
            if (line.starts_with("Name:\t")) one.name = line.substr(6);
            if (line.starts_with("SigBlk:\t")) {
                one.blocked = std::stoull(line.substr(8), nullptr, 16);
            }
        }
        out[static_cast<pid_t>(std::stol(entry.path().filename()))] = one;
    }
    return out;
}

bool wait_for_tasks(std::size_t count) {
    const auto until = hang();
    while (tasks().size() > count) {
        if (fd2::now() > until) return false;
        (void)::poll(nullptr, 0, 1);  // the kernel tells nobody when a thread's entry goes
    }
    return true;
}

int run_alone(const char* name) {
    std::string program = "/proc/self/exe";
    std::string test = name;
    char* arguments[] = {program.data(), test.data(), nullptr};
    // A process that leaves with live threads has nothing to tell about leaks, and the leak
    // checker itself stumbles over them.
    std::string quiet = "ASAN_OPTIONS=detect_leaks=0";
    std::vector<char*> variables;
    for (char** each = environ; *each != nullptr; ++each) {
        if (!std::string_view(*each).starts_with("ASAN_OPTIONS=")) variables.push_back(*each);
    }
    variables.push_back(quiet.data());
    variables.push_back(nullptr);
    pid_t pid = -1;
    if (::posix_spawn(&pid, program.c_str(), nullptr, nullptr, arguments, variables.data()) != 0) {
        return -1;
    }
    int status = -1;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

}  // namespace channel_suite
