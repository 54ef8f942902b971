// The child that the end-to-end tests run under fd2 where a shell would be too slow or too coarse.
//
//   e2e_child write BYTES CODE [lines|solid]   BYTES of a known pattern to fd 2, exit with CODE
//   e2e_child say OUT ERR CODE                 a line to fd 1, a line to fd 2, exit with CODE
//   e2e_child fds FILE                         what it was born with, as lines, into FILE
//   e2e_child catch                            reports each signal on stdout until stdin ends
//   e2e_child measure COMMAND...               runs it; prints its raw wait status and peak memory
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr int usage_error = 64;
constexpr size_t line_length = 64;    // with the newline; a divisor of the block
constexpr size_t block_size = 65536;  // one write

[[noreturn]] void die(const char* what) {
    std::perror(what);
    std::_Exit(usage_error);
}

void write_all(int fd, const char* data, size_t size) {
    while (size > 0) {
        const ssize_t done = write(fd, data, size);
        if (done < 0) {
            if (errno == EINTR) continue;
            std::_Exit(usage_error);
        }
        data += done;
        size -= static_cast<size_t>(done);
    }
}

// Record n of the pattern is n in 63 digits and a newline; solid: a dot in its place. The tests
// know it too (harness.pattern), so any stretch of it can be checked without keeping the rest.
void fill_block(std::vector<char>& block, uint64_t first_line, bool lines) {
    for (size_t at = 0; at < block.size(); at += line_length) {
        char text[line_length + 1];
        std::snprintf(text, sizeof text, "%063llu%c",
                      static_cast<unsigned long long>(first_line + at / line_length),
                      lines ? '\n' : '.');
        std::memcpy(block.data() + at, text, line_length);
    }
}

int write_pattern(uint64_t bytes, int code, bool lines) {
    std::vector<char> block(block_size);
    for (uint64_t done = 0; done < bytes;) {
        fill_block(block, done / line_length, lines);
        const size_t now = static_cast<size_t>(std::min<uint64_t>(block.size(), bytes - done));
        write_all(2, block.data(), now);
        done += now;
    }
    return code;
}

// Needs no descriptor beyond 1 and 2: a shell needs a tenth for the same.
int say(std::string out, std::string err, int code) {
    out += '\n';
    err += '\n';
    write_all(1, out.data(), out.size());
    write_all(2, err.data(), err.size());
    return code;
}

// Only what execve hands over can be seen here: descriptors, mask, dispositions, group, session.
int report_birth(const char* path) {
    std::string text;
    for (int fd = 0; fd < 1024; ++fd) {
        if (fcntl(fd, F_GETFD) < 0) continue;
        char link[4096];
        const std::string name = "/proc/self/fd/" + std::to_string(fd);
        const ssize_t length = readlink(name.c_str(), link, sizeof link);
        text += "fd " + std::to_string(fd) + " " +
                std::string(link, length > 0 ? static_cast<size_t>(length) : 0) + "\n";
    }
    sigset_t blocked;
    sigprocmask(SIG_SETMASK, nullptr, &blocked);
    for (int number = 1; number < NSIG; ++number) {
        struct sigaction action {};
        if (sigismember(&blocked, number) == 1) {
            text += "blocked " + std::to_string(number) + "\n";
        }
        if (sigaction(number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN) {
            text += "ignored " + std::to_string(number) + "\n";
        }
    }
    text += "group " + std::to_string(getpgrp()) + "\nsession " + std::to_string(getsid(0)) + "\n";
    const int out = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (out < 0) die(path);
    write_all(out, text.data(), text.size());
    return 0;
}

// Signals arrive synchronously: no handler, nothing lost, real-time ones queued in order.
int catch_signals() {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, nullptr);
    const std::string ready = "ready " + std::to_string(getpid()) + "\n";
    write_all(1, ready.data(), ready.size());
    while (true) {
        siginfo_t info{};
        const int number = sigwaitinfo(&all, &info);
        if (number < 0) {
            if (errno == EINTR) continue;
            die("sigwaitinfo");
        }
        const std::string line = "signal " + std::to_string(number) + "\n";
        write_all(1, line.data(), line.size());
        if (number == SIGTERM) return 7;
    }
}

// A small parent: ru_maxrss of a process that Python forks starts at Python's own size.
int measure(char** command) {
    const pid_t child = fork();
    if (child < 0) die("fork");
    if (child == 0) {
        execvp(command[0], command);
        std::_Exit(127);
    }
    int status = 0;
    struct rusage usage {};
    while (wait4(child, &status, 0, &usage) < 0) {
        if (errno != EINTR) die("wait4");
    }
    std::printf("status %d maxrss_kb %ld\n", status, usage.ru_maxrss);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string what = argc > 1 ? argv[1] : "";
    if (what == "write" && argc >= 4) {
        const bool lines = argc < 5 || std::string(argv[4]) == "lines";
        return write_pattern(std::strtoull(argv[2], nullptr, 10), std::atoi(argv[3]), lines);
    }
    if (what == "say" && argc == 5) return say(argv[2], argv[3], std::atoi(argv[4]));
    if (what == "fds" && argc == 3) return report_birth(argv[2]);
    if (what == "catch") return catch_signals();
    if (what == "measure" && argc >= 3) return measure(argv + 2);
    std::fputs("usage: see the head of child.cpp\n", stderr);
    return usage_error;
}
