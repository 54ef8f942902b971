// Real objects to forward to, and what the tests watch about them.
#pragma once

#include <fd2/observer.hpp>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/unique_fd.hpp"
#include "forward/forwarder.hpp"
#include "support/calls.hpp"
#include "support/catch.hpp"
#include "support/hang.hpp"
#include "support/scratch.hpp"

namespace forward_test {

using namespace fd2;
using namespace fd2::forward;

using fd2::test::hang;

/// What a forwarder keeps by default while nobody reads.
inline constexpr std::size_t buffer = 256 * 1024;

/// SIGPIPE blocked, as the forwarder's contract wants it of whoever offers.
struct pipe_signal_blocked {
    pipe_signal_blocked() {
        sigset_t only;
        sigemptyset(&only);
        sigaddset(&only, SIGPIPE);
        pthread_sigmask(SIG_BLOCK, &only, nullptr);
    }
    static bool pending() {
        sigset_t set;
        sigpending(&set);
        return sigismember(&set, SIGPIPE) == 1;
    }
};

/// Two ends: `ours` is what the forwarder writes, `theirs` is read without blocking.
struct ends {
    unique_fd ours;
    unique_fd theirs;
    pipe_signal_blocked no_signal{};
};

inline ends make_pipe() {
    std::array<int, 2> fd{};
    REQUIRE(pipe2(fd.data(), O_CLOEXEC) == 0);
    REQUIRE(fcntl(fd[0], F_SETFL, O_NONBLOCK) == 0);  // the reader's own description
    return {unique_fd(fd[1]), unique_fd(fd[0])};
}

inline ends make_sockets(int type) {
    std::array<int, 2> fd{};
    REQUIRE(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fd.data()) == 0);
    REQUIRE(fcntl(fd[0], F_SETFL, O_NONBLOCK) == 0);
    return {unique_fd(fd[1]), unique_fd(fd[0])};
}

/// The promise that holds in every test: the shared description's flags stay.
class flags_stay {
  public:
    explicit flags_stay(int fd) : fd_(fd), flags_(fcntl(fd, F_GETFL)) {}
    ~flags_stay() { CHECK(fcntl(fd_, F_GETFL) == flags_); }
    flags_stay(const flags_stay&) = delete;
    flags_stay& operator=(const flags_stay&) = delete;

  private:
    int fd_;
    int flags_;
};

/// What can be read now.
inline std::string read_now(int fd, std::size_t most = std::string::npos) {
    std::string out;
    std::array<char, 65536> part;
    while (out.size() < most) {
        const ssize_t n = read(fd, part.data(), std::min(part.size(), most - out.size()));
        if (n <= 0) break;
        out.append(part.data(), static_cast<std::size_t>(n));
    }
    return out;
}

/// Reads until `size` bytes have come or the other side is closed.
inline std::string read_exactly(int fd, std::size_t size) {
    std::string out;
    while (out.size() < size) {
        pollfd p{fd, POLLIN, 0};
        if (poll(&p, 1, 30000) <= 0) break;
        const std::string more = read_now(fd, size - out.size());
        if (more.empty()) break;
        out += more;
    }
    return out;
}

/// Writes to a non-blocking description of the same pipe until it is full; what was written.
inline std::string fill(int fd) {
    const std::string path = "/proc/self/fd/" + std::to_string(fd);
    const unique_fd own(open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    REQUIRE(own);
    const std::string block(4096, '.');
    std::string out;
    for (;;) {
        const ssize_t n = write(own.get(), block.data(), block.size());
        if (n <= 0) break;
        out.append(block.data(), static_cast<std::size_t>(n));
    }
    return out;
}

/// Keeps what the forwarder reports.
class listener final : public observer {
  public:
    void on_event(const event& what) noexcept override {
        const std::lock_guard<std::mutex> lock(mutex_);
        messages_.emplace_back(what.message);
    }
    std::vector<std::string> messages() {
        const std::lock_guard<std::mutex> lock(mutex_);
        return messages_;
    }

  private:
    std::mutex mutex_;
    std::vector<std::string> messages_;
};

inline flow give(stream& to, std::string_view text) {
    return to.offer(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
}

inline bool adds_up(const stream& of) {
    const counters c = of.counts();
    return c.offered == c.forwarded + c.dropped + c.queued && c.queued <= c.offered;
}

/// Bytes whose order shows: no two places of the first 16 MiB look alike for long.
inline std::string pattern(std::size_t size, std::size_t from = 0) {
    std::string out(size, '\0');
    for (std::size_t i = 0; i < size; ++i) {
        const std::size_t at = from + i;
        out[i] = static_cast<char>((at >> (8 * (at % 3))) ^ (at * 31));
    }
    return out;
}

/// Runs `body` in a forked child, where it may give up rights; its value is the exit code.
template <class Body>
int in_child(Body body) {
    const pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        alarm(100);
        _exit(body());
    }
    int status = 0;
    REQUIRE(waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

inline options with(blocked_policy blocked, std::size_t buffer, nanoseconds_t stall) {
    options out;
    out.blocked = blocked;
    out.buffer = buffer;
    out.stall = stall;
    return out;
}

inline options shaped_as(forward_mode how, std::string prefix = {}) {
    options out;
    out.how = how;
    out.prefix = std::move(prefix);
    return out;
}

}  // namespace forward_test
