#include "cli/doctor/machine.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <climits>
#include <cstring>
#include <string_view>

#include "base/files.posix.hpp"
#include "base/unique_fd.hpp"
#include "forward/forwarder.hpp"

namespace fd2::cli::doctor {

namespace {

/// A small file of the kernel's. False, with errno, where it cannot be read.
bool read_small(const std::string& path, std::string& text) {
    const unique_fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return false;
    char bytes[4096];
    text.clear();
    for (;;) {
        const ssize_t got = ::read(file.get(), bytes, sizeof(bytes));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return false;
        text.append(bytes, static_cast<std::size_t>(got));
        if (got == 0 || text.size() > 16 * sizeof(bytes)) return true;
    }
}

number published(const std::string& path) {
    std::string text;
    if (!read_small(path, text)) return {0, errno};
    if (text.starts_with("max")) return {limits::unlimited, 0};
    number out;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), out.value);
    if (read.ec != std::errc()) out.error = EINVAL;
    return out;
}

std::string kernel_name() {
    utsname name{};
    if (::uname(&name) != 0) return {};
    return std::string(name.sysname) + " " + name.release;
}

int look_at_proc() {
    struct statfs status {};
    if (::statfs("/proc", &status) != 0) return errno;
    if (status.f_type != PROC_SUPER_MAGIC) return ENODEV;
    return ::access("/proc/self/fd", R_OK | X_OK) == 0 ? 0 : errno;
}

own_stderr::kind kind_of(const struct stat& status, int fd) {
    using kind = own_stderr::kind;
    if (S_ISFIFO(status.st_mode)) return kind::pipe;
    if (S_ISSOCK(status.st_mode)) return kind::socket;
    if (S_ISREG(status.st_mode)) return kind::file;
    if (!S_ISCHR(status.st_mode)) return kind::other;
    struct stat null {};
    if (::stat("/dev/null", &null) == 0 && null.st_rdev == status.st_rdev) return kind::null;
    return ::isatty(fd) != 0 ? kind::terminal : kind::other;
}

own_stderr look_at_stderr(bool closed) {
    own_stderr out;
    out.closed = closed;
    if (closed) return out;
    struct stat status {};
    if (::fstat(STDERR_FILENO, &status) != 0) {
        out.error = errno;
        return out;
    }
    out.what = kind_of(status, STDERR_FILENO);
    char name[PATH_MAX];
    const ssize_t size = ::readlink("/proc/self/fd/2", name, sizeof(name));
    if (size > 0) out.name.assign(name, static_cast<std::size_t>(size));
    const int flags = ::fcntl(STDERR_FILENO, F_GETFL);
    out.writable = flags >= 0 && (flags & O_ACCMODE) != O_RDONLY && (flags & O_PATH) == 0;
    out.non_blocking = flags >= 0 && (flags & O_NONBLOCK) != 0;
    pollfd ready{STDERR_FILENO, POLLOUT, 0};
    int answered;
    do answered = ::poll(&ready, 1, 0);
    while (answered < 0 && errno == EINTR);
    out.reader_gone = answered > 0 && (ready.revents & (POLLERR | POLLHUP)) != 0;
    out.full = answered == 0 && out.writable;
    out.writer = forward::forwarder(STDERR_FILENO, {}).writer_name();
    return out;
}

stderr_name look_at_dev_stderr() {
    stderr_name out;
    struct stat named {};
    struct stat own {};
    if (::stat("/dev/stderr", &named) != 0) out.error = errno;
    char target[PATH_MAX];
    const ssize_t size = ::readlink("/dev/stderr", target, sizeof(target));
    if (size > 0) out.target.assign(target, static_cast<std::size_t>(size));
    out.ours = out.error == 0 && ::fstat(STDERR_FILENO, &own) == 0 && same_file(own, named);
    return out;
}

number size_of_a_pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return {0, errno};
    const unique_fd read_end(ends[0]);
    const unique_fd write_end(ends[1]);
    const int size = ::fcntl(write_end.get(), F_GETPIPE_SZ);
    if (size < 0) return {0, errno};
    return {static_cast<std::uint64_t>(size), 0};
}

/// Of a RLIMIT_*, whose type is the C library's own.
number soft_or_hard(decltype(RLIMIT_NOFILE) what, bool soft) {
    rlimit limit{};
    if (::getrlimit(what, &limit) != 0) return {0, errno};
    const rlim_t value = soft ? limit.rlim_cur : limit.rlim_max;
    return {value == RLIM_INFINITY ? limits::unlimited : value, 0};
}

/// A file of our cgroup, version 2.
number of_cgroup(const char* file) {
    std::string text;
    if (!read_small("/proc/self/cgroup", text)) return {0, errno};
    const std::size_t at = text.starts_with("0::") ? 0 : text.find("\n0::");
    if (at == text.npos) return {0, ENOENT};
    const std::size_t start = text.find("::", at) + 2;
    const std::string path = text.substr(start, text.find('\n', start) - start);
    return published("/sys/fs/cgroup" + path + "/" + file);
}

limits look_at_limits() {
    limits out;
    out.files = soft_or_hard(RLIMIT_NOFILE, true);
    out.files_hard = soft_or_hard(RLIMIT_NOFILE, false);
    out.files_open = open_descriptors();
    out.tasks = soft_or_hard(RLIMIT_NPROC, true);
    out.tasks_cgroup = of_cgroup("pids.max");
    out.tasks_in_cgroup = of_cgroup("pids.current");
    return out;
}

int try_pidfd() {
    const unique_fd self(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
    return self ? 0 : errno;
}

int try_socketpair() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return errno;
    ::close(ends[0]);
    ::close(ends[1]);
    return 0;
}

int look_at_loopback() {
    const unique_fd any(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!any) return errno;
    ifreq request{};
    std::strncpy(request.ifr_name, "lo", IFNAMSIZ - 1);
    if (::ioctl(any.get(), SIOCGIFFLAGS, &request) != 0) return errno;
    return (request.ifr_flags & IFF_UP) != 0 ? 0 : ENETDOWN;
}

bool is_filtered() {
    std::string text;
    if (!read_small("/proc/self/status", text)) return false;
    const std::size_t at = text.find("\nSeccomp:");
    return at != text.npos && text.find('2', at) < text.find('\n', at + 1);
}

}  // namespace

machine look_at_machine(bool closed) {
    machine out;
    out.kernel = kernel_name();
    out.proc = look_at_proc();
    out.err = look_at_stderr(closed);
    out.dev_stderr = look_at_dev_stderr();
    out.pipe_size = size_of_a_pipe();
    out.page_size = {static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)), 0};
    out.pipe_max_size = published("/proc/sys/fs/pipe-max-size");
    out.pipe_user_pages_soft = published("/proc/sys/fs/pipe-user-pages-soft");
    out.pipe_user_pages_hard = published("/proc/sys/fs/pipe-user-pages-hard");
    out.wmem_max = published("/proc/sys/net/core/wmem_max");
    out.limit = look_at_limits();
    out.pidfd = try_pidfd();
    out.socketpair = try_socketpair();
    out.loopback = look_at_loopback();
    out.filtered = is_filtered();
    return out;
}

int cannot_append(const std::string& file) {
    const int flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    const unique_fd there(::open(file.c_str(), flags));
    if (there) return 0;
    if (errno != ENOENT) return errno;
    const std::size_t slash = file.rfind('/');
    const std::string above = slash == file.npos ? "." : slash == 0 ? "/" : file.substr(0, slash);
    struct stat status {};
    if (::stat(above.c_str(), &status) != 0) return errno;
    if (!S_ISDIR(status.st_mode)) return ENOTDIR;
    return ::faccessat(AT_FDCWD, above.c_str(), W_OK | X_OK, AT_EACCESS) == 0 ? 0 : errno;
}

std::uint64_t open_descriptors() {
    // Not by /proc, which may be what is missing. Numbers are given from below.
    constexpr std::uint64_t far_enough = 1 << 16;
    const number soft = soft_or_hard(RLIMIT_NOFILE, true);
    const auto end = static_cast<int>(std::min(soft.value, far_enough));
    std::uint64_t out = 0;
    for (int fd = 0; fd < end; ++fd) out += ::fcntl(fd, F_GETFD) != -1;
    return out;
}

}  // namespace fd2::cli::doctor
