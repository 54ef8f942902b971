// Hosts, children and what the tests of the library know of the world.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <fd2/fd2.hpp>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/catch.hpp"

namespace library_test {

/// A pipe; both ends close-on-exec.
class test_pipe {
  public:
    test_pipe() { REQUIRE(::pipe2(ends_, O_CLOEXEC) == 0); }
    ~test_pipe() {
        close_read();
        close_write();
    }
    test_pipe(const test_pipe&) = delete;
    test_pipe& operator=(const test_pipe&) = delete;

    int read_end() const { return ends_[0]; }
    int write_end() const { return ends_[1]; }
    void close_read() { close(ends_[0]); }
    void close_write() { close(ends_[1]); }

    /// What lies in it now.
    std::string take() const {
        std::string out;
        char chunk[65536];
        for (;;) {
            pollfd ready{ends_[0], POLLIN, 0};
            if (::poll(&ready, 1, 0) <= 0 || (ready.revents & POLLIN) == 0) return out;
            const ssize_t n = ::read(ends_[0], chunk, sizeof(chunk));
            if (n <= 0) return out;
            out.append(chunk, static_cast<std::size_t>(n));
        }
    }

    /// As many bytes as it takes.
    void fill() const {
        const int flags = ::fcntl(ends_[1], F_GETFL);
        REQUIRE(::fcntl(ends_[1], F_SETFL, flags | O_NONBLOCK) == 0);
        const std::string block(4096, '.');
        while (::write(ends_[1], block.data(), block.size()) > 0) continue;
        REQUIRE(::fcntl(ends_[1], F_SETFL, flags) == 0);
    }

  private:
    static void close(int& fd) {
        if (fd >= 0) ::close(std::exchange(fd, -1));
    }
    int ends_[2] = {-1, -1};
};

/// Reads a pipe on a thread of its own, for its own life.
class eager_reader {
  public:
    explicit eager_reader(const test_pipe& from)
        : from_(from), thread_([fd = from.read_end()] {
              char chunk[65536];
              for (;;) {
                  const ssize_t n = ::read(fd, chunk, sizeof(chunk));
                  if (n <= 0 || chunk[n - 1] == '\f') return;
              }
          }) {}
    ~eager_reader() {
        // The last byte that anybody writes.
        if (::write(from_.write_end(), "\f", 1) == 1) thread_.join();
    }
    eager_reader(const eager_reader&) = delete;
    eager_reader& operator=(const eager_reader&) = delete;

  private:
    const test_pipe& from_;
    std::thread thread_;
};

/// Backends that lie in a build tree are tried before they are loaded; what came of that is
/// recorded here, and not in the home directory of whoever runs the tests.
inline const int state_home = ::setenv("XDG_STATE_HOME", FD2_TEST_STATE, 1);

/// The whole suite runs with features.ssh-socketpair-stderr on and, but for what says [captures],
/// with it off (FD2_TEST_FLAG=off).
inline bool flag_under_test() {
    const char* said = std::getenv("FD2_TEST_FLAG");
    return !said || std::string(said) != "off";
}

/// A host with the built backends whose forwarding goes to a pipe of ours, so that the tests' own
/// stderr stays clean and what is forwarded can be looked at.
struct test_host {
    explicit test_host(std::vector<std::string> set = {}, bool flag = flag_under_test())
        : fd2_(options(std::move(set), flag, seen.write_end())) {}

    static fd2::host_options options(std::vector<std::string> set, bool flag, int stderr_fd) {
        fd2::host_options out;
        out.plugin_path = {FD2_TEST_BACKENDS};
        out.set = std::move(set);
        out.set.insert(out.set.begin(),
                       std::string("features.ssh-socketpair-stderr=") + (flag ? "true" : "false"));
        out.stderr_fd = stderr_fd;
        return out;
    }

    operator const fd2::host&() const { return fd2_; }

    test_pipe seen;
    fd2::host fd2_;
};

inline fd2::ssh_command shell(const std::string& script) {
    return fd2::ssh_command::from_argv({"/bin/sh", "-c", script});
}

/// Descriptors of this process that are open.
inline std::size_t open_descriptors() {
    std::size_t count = 0;
    for (const auto& one : std::filesystem::directory_iterator("/proc/self/fd")) {
        (void)one;
        ++count;
    }
    return count;
}

/// Threads of this process; ThreadSanitizer's own, which comes with the first, from the start on.
inline std::size_t threads() {
#ifdef __SANITIZE_THREAD__
    static const bool had_one = (std::thread([] {}).join(), true);
    (void)had_one;
#endif
    std::size_t count = 0;
    for (const auto& one : std::filesystem::directory_iterator("/proc/self/task")) {
        (void)one;
        ++count;
    }
    return count;
}

/// Whether this process has a child, ended or not.
inline bool has_children() {
    siginfo_t info{};
    return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/// `count` lines "N: text", as a shell prints them fast.
inline std::string many_lines(unsigned count) {
    return "awk 'BEGIN { for (i = 1; i <= " + std::to_string(count) +
           "; ++i) print i \": a line of some length, as programs write them, so that it adds up\" "
           "}' >&2";
}

/// One child from start to end, so that what a host keeps for good is there.
inline void warm_up(const fd2::host& host) {
    auto command = shell("exit 0");
    (void)fd2::spawn(host, command).wait();
}

/// Runs `body` in a fork; its exit code. One that hangs dies of SIGALRM: -14.
template <class Body>
inline int in_worker(Body body) {
    const pid_t worker = ::fork();
    REQUIRE(worker >= 0);
    if (worker == 0) {
        ::alarm(8);
        ::_exit(body());
    }
    int raw = 0;
    REQUIRE(::waitpid(worker, &raw, 0) == worker);
    return WIFEXITED(raw) ? WEXITSTATUS(raw) : -WTERMSIG(raw);
}

/// Children inherit the read end; whoever reads it ends when this object goes: no clock decides.
class gate {
  public:
    gate() { inner_ = ::dup(pipe_.read_end()); }
    ~gate() { ::close(inner_); }
    /// A background process that holds the child's stderr until the gate opens; says `words` then.
    std::string holder(const std::string& words = "") const {
        return "(cat </proc/self/fd/" + std::to_string(inner_) + " >/dev/null; " +
               (words.empty() ? std::string(":") : "echo " + words + " >&2") +
               ") </dev/null >/dev/null & ";
    }
    /// The number of what such a process reads.
    int inner() const noexcept { return inner_; }
    void open() { pipe_.close_write(); }

  private:
    test_pipe pipe_;
    int inner_ = -1;
};

}  // namespace library_test
