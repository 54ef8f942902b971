// Stands between fd2 and the ssh that it runs, and writes down what ssh says on its fd 2.
//
//   ssh FILE -- COMMAND...      (the program is named ssh, because its name is shown)
//
// What COMMAND writes to its stderr goes to ours and to FILE. At COMMAND's end FILE.mark tells how
// many bytes had been written by then; if somebody still holds that stderr, a process stays behind
// and goes on, as the holder would. Ends as COMMAND ended; signals are passed on.
//
// FILE.met tells what it found: what its fd 2 is, whether its wire is non-blocking, and what else
// is open. FILE.status is COMMAND's raw wait status.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

pid_t child = 0;

[[noreturn]] void give_up(const char* what) {
    std::perror(what);
    std::_Exit(125);
}

void pass_on(int signal) {
    if (child > 0) ::kill(child, signal);
}

void write_all(int fd, const char* data, ssize_t size) {
    while (size > 0) {
        const ssize_t n = ::write(fd, data, static_cast<size_t>(size));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) {
            pollfd writable{fd, POLLOUT, 0};
            ::poll(&writable, 1, -1);
            continue;
        }
        if (n < 0) return;  // the other one still gets it
        data += n;
        size -= n;
    }
}

void leave(const std::string& path, const std::string& text) {
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    write_all(file, text.data(), static_cast<ssize_t>(text.size()));
    ::close(file);
}

const char* kind_of(int fd) {
    struct stat about {};
    int domain = 0;
    socklen_t size = sizeof(domain);
    if (::isatty(fd) == 1) return "pty";
    if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0) {
        return domain == AF_UNIX ? "socketpair" : "tcp";
    }
    return ::fstat(fd, &about) == 0 && S_ISFIFO(about.st_mode) ? "pipe" : "file";
}

/// As JSON.
std::string what_is_met() {
    std::string out = std::string("{\"stderr\": \"") + kind_of(2) + "\", \"nonblock\": [";
    for (const int fd : {0, 1}) {
        const int flags = ::fcntl(fd, F_GETFL);
        out += fd == 0 ? "" : ", ";
        out += flags >= 0 && (flags & O_NONBLOCK) != 0 ? "true" : "false";
    }
    out += "], \"open\": [0";
    for (int fd = 1; fd < 256; ++fd) {
        if (::fcntl(fd, F_GETFD) >= 0) out += ", " + std::to_string(fd);
    }
    return out + "]}\n";
}

/// At most `limit` bytes; 0 at the end.
ssize_t pass(int from, int file, std::size_t limit) {
    char chunk[65536];
    ssize_t n;
    do n = ::read(from, chunk, limit < sizeof(chunk) ? limit : sizeof(chunk));
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        write_all(file, chunk, n);
        write_all(2, chunk, n);
    }
    return n;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 4 || std::string(argv[2]) != "--") return 125;
    const std::string path = argv[1];
    leave(path + ".met", what_is_met());
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    int ends[2];
    if (file < 0 || ::pipe2(ends, O_CLOEXEC) != 0) give_up(path.c_str());

    child = ::fork();
    if (child < 0) give_up("fork");
    if (child == 0) {
        ::dup2(ends[1], 2);
        ::execvp(argv[3], argv + 3);
        ::_exit(errno == ENOENT ? 127 : 126);
    }
    for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2}) {
        struct sigaction action {};
        action.sa_handler = pass_on;
        ::sigaction(signal, &action, nullptr);
    }
    ::signal(SIGPIPE, SIG_IGN);
    ::close(ends[1]);
    const int exit = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
    if (exit < 0) give_up("pidfd_open");

    bool open = true;
    for (;;) {
        pollfd ready[2] = {{open ? ends[0] : -1, POLLIN, 0}, {exit, POLLIN, 0}};
        if (::poll(ready, 2, -1) < 0) continue;
        if (ready[1].revents != 0) break;
        if (ready[0].revents != 0) open = pass(ends[0], file, SIZE_MAX) > 0;
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    child = 0;
    leave(path + ".status", std::to_string(status) + "\n");

    // All that it wrote lies in the pipe.
    int left = 0;
    if (open) ::ioctl(ends[0], FIONREAD, &left);
    while (left > 0) left -= static_cast<int>(pass(ends[0], file, static_cast<size_t>(left)));
    leave(path + ".mark", std::to_string(::lseek(file, 0, SEEK_CUR)) + "\n");

    pollfd held{ends[0], POLLIN, 0};
    if (open && (::poll(&held, 1, 0) == 0 || (held.revents & POLLIN) != 0)) {
        if (::fork() == 0) {
            ::signal(SIGPIPE, SIG_DFL);
            ::close(0);
            ::close(1);
            while (pass(ends[0], file, SIZE_MAX) > 0) continue;
            ::_exit(0);
        }
    }
    if (WIFSIGNALED(status)) {
        ::signal(WTERMSIG(status), SIG_DFL);
        ::kill(::getpid(), WTERMSIG(status));
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
