// What the tests of this room share: processes made with plain fork and exec, to hold the room's
// against.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/unique_fd.hpp"
#include "support/catch.hpp"

namespace process_test {

inline const std::string child_program = PROCESS_CHILD;
inline const std::string wrapper_program = PROCESS_WRAPPER;

using words = std::vector<std::string>;

inline words wrapped(words command) {
    command.insert(command.begin(), wrapper_program);
    return command;
}

struct channel {
    fd2::unique_fd reading;
    fd2::unique_fd writing;
    channel() {
        int ends[2];
        REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
        reading.reset(ends[0]);
        writing.reset(ends[1]);
    }
};

/// Forks and executes; `prepare` runs in the child.
inline pid_t start(
    const words& command, const std::function<void()>& prepare = [] {}) {
    std::vector<char*> arguments;
    for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const pid_t pid = ::fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        prepare();
        ::execv(arguments[0], arguments.data());
        ::_exit(120);
    }
    return pid;
}

/// The raw wait status.
inline int wait_raw(pid_t pid, int flags = 0) {
    int status = 0;
    pid_t got;
    do got = ::waitpid(pid, &status, flags);
    while (got < 0 && errno == EINTR);
    REQUIRE(got == pid);
    return status;
}

/// Everything until EOF; fails after half a minute without a byte.
inline std::string read_all(int fd, std::size_t at_most = ~std::size_t{0}) {
    std::string text;
    char buffer[4096];
    while (text.size() < at_most) {
        pollfd one{fd, POLLIN, 0};
        if (::poll(&one, 1, 30'000) <= 0) {
            FAIL_CHECK("nothing to read for half a minute, after: " << text);
            break;
        }
        const ssize_t size = ::read(fd, buffer, std::min(sizeof buffer, at_most - text.size()));
        if (size <= 0) break;
        text.append(buffer, static_cast<std::size_t>(size));
    }
    return text;
}

inline std::string read_line(int fd) {
    std::string line;
    for (;;) {
        const std::string one = read_all(fd, 1);
        if (one.empty() || one == "\n") return line;
        line += one;
    }
}

struct outcome {
    int status = 0;
    std::string output;  ///< of 1
    bool operator==(const outcome&) const = default;
};
inline std::ostream& operator<<(std::ostream& out, const outcome& what) {
    return out << "wait status " << what.status << ", output \"" << what.output << '"';
}

/// Runs a command to its end with its stdout recorded.
inline outcome run(
    const words& command, const std::function<void()>& prepare = [] {}) {
    channel out;
    const pid_t pid = start(command, [&] {
        ::dup2(out.writing.get(), 1);
        prepare();
    });
    out.writing.reset();
    outcome result;
    result.output = read_all(out.reading.get());
    result.status = wait_raw(pid);
    return result;
}

/// Runs `body` in a forked process, for what would spoil this one; its result is the exit code.
/// The body must not use assertions.
inline int in_fork(const std::function<int()>& body) {
    const pid_t pid = ::fork();
    REQUIRE(pid >= 0);
    if (pid == 0) ::_exit(body());
    const int status = wait_raw(pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/// A directory that is gone at the end.
class temporary_directory {
  public:
    temporary_directory() {
        std::string name = std::filesystem::temp_directory_path() / "fd2-process-XXXXXX";
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path_ = name;
    }
    ~temporary_directory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    temporary_directory(const temporary_directory&) = delete;
    temporary_directory& operator=(const temporary_directory&) = delete;

    std::string file(const std::string& name) const { return path_ / name; }
    std::string make(const std::string& name, const std::string& text, unsigned mode) const {
        const std::string made = file(name);
        const int fd = ::open(made.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        REQUIRE(fd >= 0);
        REQUIRE(::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
        ::close(fd);
        REQUIRE(::chmod(made.c_str(), mode) == 0);
        return made;
    }

  private:
    std::filesystem::path path_;
};

}  // namespace process_test
