#include "conformance/world.hpp"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <utility>

#include "conformance/recorder.hpp"

namespace fd2::conformance {

bool write_all(int fd, const void* data, std::size_t size, std::size_t piece) {
    const auto* from = static_cast<const char*>(data);
    while (size != 0) {
        const ssize_t put = ::write(fd, from, std::min(size, piece));
        if (put < 0 && errno == EINTR) continue;
        if (put < 0 && errno == EAGAIN) {
            pollfd writable{fd, POLLOUT, 0};
            (void)::poll(&writable, 1, -1);
            continue;
        }
        if (put <= 0) return false;
        from += put;
        size -= static_cast<std::size_t>(put);
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
        if (total >= never_full) break;
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
        if (total >= never_full) break;
    }
    (void)::fcntl(fd, F_SETFL, flags);
    return total;
}

int child_stderr() {
    return 2;
}

child::child(int child_end, const deed& what, std::uint64_t first, std::uint64_t second)
    : child(child_end, [&] { return what.act(first, second); }) {}

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
    (void)::kill(pid(), SIGKILL);
    (void)wait();
}

bool child::kill() {
    return ::kill(pid(), SIGKILL) == 0;
}

int child::wait() {
    int status = 0;
    pid_t got;
    do {
        got = ::waitpid(pid(), &status, 0);
    } while (got < 0 && errno == EINTR);
    pid_ = -1;
    return WIFSIGNALED(status) ? 1000 + WTERMSIG(status) : WEXITSTATUS(status);
}

object_kind kind_of(int fd) {
    struct stat status {};
    if (::fstat(fd, &status) != 0) return object_kind::other;
    if (S_ISFIFO(status.st_mode)) return object_kind::pipe;
    if (!S_ISSOCK(status.st_mode)) {
        return ::isatty(fd) == 1 ? object_kind::terminal : object_kind::other;
    }
    int domain = 0;
    int type = 0;
    int protocol = 0;
    const auto ask = [fd](int what, int& answer) {
        socklen_t size = sizeof(answer);
        return ::getsockopt(fd, SOL_SOCKET, what, &answer, &size) == 0;
    };
    if (!ask(SO_DOMAIN, domain) || !ask(SO_TYPE, type) || !ask(SO_PROTOCOL, protocol) ||
        type != SOCK_STREAM) {
        return object_kind::other;
    }
    if (domain == AF_UNIX) return object_kind::unix_stream;
    const bool internet = domain == AF_INET || domain == AF_INET6;
    return internet && protocol == IPPROTO_TCP ? object_kind::tcp : object_kind::other;
}

bool is_inheritable(int fd) {
    return (::fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0;
}

bool blocks(int fd) {
    return (::fcntl(fd, F_GETFL) & O_NONBLOCK) == 0;
}

bool is_open(int fd) {
    return ::fcntl(fd, F_GETFD) >= 0;
}

void wait_until_holds(fd2_native watched, int bytes) {
    int there = 0;
    while (::ioctl(static_cast<int>(watched), FIONREAD, &there) == 0 && there < bytes) {
        std::this_thread::yield();
    }
}

const char* const plugin_suffix = ".so";

fd2_backend_entry_fn entry_of(const std::string& file) {
    void* const library = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return nullptr;
    return reinterpret_cast<fd2_backend_entry_fn>(::dlsym(library, FD2_BACKEND_ENTRY));
}

void drop_rights() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[2] = {};
    (void)::syscall(SYS_capset, &header, none);
}

void ignore_broken_pipes() {
    (void)::signal(SIGPIPE, SIG_IGN);
}

descriptor_table descriptors() {
    descriptor_table out;
    DIR* listing = ::opendir("/proc/self/fd");
    while (const dirent* entry = listing != nullptr ? ::readdir(listing) : nullptr) {
        const int fd = std::atoi(entry->d_name);
        struct stat status {};
        if (entry->d_name[0] == '.' || fd == ::dirfd(listing)) continue;
        if (::fstat(fd, &status) != 0) continue;
        char name[256];
        const ssize_t size = ::readlinkat(::dirfd(listing), entry->d_name, name, sizeof(name));
        out[fd] = {status.st_dev, status.st_ino,
                   std::string(name, size > 0 ? static_cast<std::size_t>(size) : 0)};
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
            if (line.starts_with("State:\t")) one.state = line[7];
            if (line.starts_with("voluntary_ctxt_switches:\t")) {
                one.switches = std::stoull(line.substr(25));
            }
            if (line.starts_with("SigBlk:\t")) {
                one.blocked = std::stoull(line.substr(8), nullptr, 16);
            }
        }
        out[static_cast<pid_t>(std::stol(entry.path().filename()))] = one;
    }
    return out;
}

pid_t own_task() {
    return ::gettid();
}

bool takes_no_signal(const task& thread) {
    // All but the two that cannot be blocked and the two that the C library keeps.
    std::uint64_t all = ~std::uint64_t{0};
    for (const int signal : {SIGKILL, SIGSTOP, 32, 33}) all &= ~(std::uint64_t{1} << (signal - 1));
    return (thread.blocked & all) == all;
}

std::string running_beyond(const std::map<pid_t, task>& before) {
    constexpr unsigned long ends = 0x4;  // PF_EXITING of the kernel: set before join can return
    std::string out;
    for (const auto& [tid, each] : tasks()) {
        if (before.count(tid) != 0) continue;
        std::ifstream file("/proc/self/task/" + std::to_string(tid) + "/stat");
        std::string text;
        if (!std::getline(file, text)) continue;
        std::istringstream fields(text.substr(text.rfind(')') + 1));
        std::string state, skipped;
        unsigned long flags = ends;
        fields >> state;
        for (int field = 4; field < 9; ++field) fields >> skipped;
        fields >> flags;
        if ((flags & ends) == 0 && state != "Z" && state != "X") {
            out += (out.empty() ? "" : ", ") + each.name;
        }
    }
    return out;
}

void wait_for_quiet() {
    const auto until = hang();
    for (int quiet = 0; quiet < 3 && now() < until;) {
        (void)::poll(nullptr, 0, 10);
        const auto all = tasks();
        const bool busy = std::any_of(all.begin(), all.end(), [](const auto& each) {
            return each.first != ::gettid() && each.second.state == 'R';
        });
        quiet = busy ? 0 : quiet + 1;
    }
}

}  // namespace fd2::conformance
