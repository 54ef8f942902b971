// Stopping and going on together with the child, with and without a terminal.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <termios.h>

#include <csignal>
#include <fstream>
#include <type_traits>

#include "base/signal_set.hpp"
#include "unit/process/support.hpp"

using namespace process_test;
using fd2::signal_name;

namespace {

struct terminal {
    fd2::unique_fd master;
    terminal() : master(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
        REQUIRE(master);
        REQUIRE(::grantpt(master.get()) == 0);
        REQUIRE(::unlockpt(master.get()) == 0);
    }
    /// Makes the calling process a session leader with this terminal.
    int adopt() const {
        ::setsid();
        char name[128];
        if (::ptsname_r(master.get(), name, sizeof name) != 0) return -1;
        return ::open(name, O_RDWR | O_CLOEXEC);
    }
};

std::string number(int value) {
    return std::to_string(value);
}

/// Runs `body`, which must not use assertions, in a process that is to its jobs what an interactive
/// shell is: the leader of a session with a terminal. Its result.
template <class Body>
int in_a_shell(Body body) {
    terminal pty;
    return in_fork([&] {
        if (pty.adopt() < 0) return 119;
        ::signal(SIGTTOU, SIG_IGN);
        ::signal(SIGTSTP, SIG_IGN);
        if constexpr (std::is_invocable_v<Body, const terminal&>) {
            return body(pty);
        } else {
            return body();
        }
    });
}

/// A job of such a shell: a process group of its own.
pid_t start_job(
    const words& command, int out = -1, const std::function<void()>& prepare = [] {}) {
    const pid_t job = start(command, [&] {
        ::signal(SIGTTOU, SIG_DFL);
        ::signal(SIGTSTP, SIG_DFL);
        ::setpgid(0, 0);
        if (out >= 0) ::dup2(out, 1);
        prepare();
    });
    ::setpgid(job, job);
    return job;
}

bool in_foreground(pid_t job) {
    const fd2::unique_fd tty(::open("/dev/tty", O_RDWR | O_CLOEXEC));
    return tty && ::tcsetpgrp(tty.get(), job) == 0;
}

/// What a job was stopped by; 0: it was not.
int stop_of(pid_t job) {
    const int status = wait_raw(job, WUNTRACED);
    return WIFSTOPPED(status) ? WSTOPSIG(status) : 0;
}

/// The exit code; 118: there is none.
int exit_of(pid_t job) {
    const int status = wait_raw(job);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 118;
}

/// A wrapped child that stops itself by a signal, some times in a row, and then exits with 7. It
/// waits to be told before it goes on.
struct stopping {
    channel in, out;
    pid_t job;
    pid_t pid;

    explicit stopping(int signal, int times = 1, bool own_group = true) {
        words command = wrapped({"/bin/sh", "-c",
                                 "echo $$; for i in $1; do kill -$0 $$; read line; done; exit 7",
                                 number(signal), ""});
        for (int i = 0; i < times; ++i) command.back() += "x ";
        const auto prepare = [&] { ::dup2(in.reading.get(), 0); };
        if (own_group) {
            job = start_job(command, out.writing.get(), prepare);
        } else {
            job = start(command, [&] {
                ::signal(SIGTSTP, SIG_DFL);
                ::dup2(out.writing.get(), 1);
                prepare();
            });
        }
        out.writing.reset();
        pid = std::atoi(read_line(out.reading.get()).c_str());
    }
    void go_on() const {
        if (::write(in.writing.get(), "\n", 1) != 1) ::_exit(117);
    }
};

/// A line of /proc/PID/status, by its name.
std::string status_line(pid_t pid, const std::string& name) {
    std::ifstream file("/proc/" + number(pid) + "/status");
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with(name)) return line;
    }
    return {};
}

/// Whether the child is stopped, and the wrapper sleeps, having dealt with the SIGCHLD that tells
/// so. The kernel sends nobody an event of it.
bool is_idle(pid_t wrapper, pid_t child) {
    constexpr unsigned long long told = 1ULL << (SIGCHLD - 1);
    for (int i = 0; i < 30'000; ++i) {
        const std::string pending = status_line(wrapper, "ShdPnd:");
        if (status_line(child, "State:").find("T (stopped)") != std::string::npos &&
            status_line(wrapper, "State:").find("S (sleeping)") != std::string::npos &&
            !pending.empty() && (std::stoull(pending.substr(7), nullptr, 16) & told) == 0) {
            return true;
        }
        ::usleep(1000);
    }
    return false;
}

}  // namespace

TEST_CASE("a wrapper stops with its child by the same signal, and both go on") {
    for (const int signal : {SIGTSTP, SIGTTIN, SIGTTOU}) {
        for (const bool whole_group : {true, false}) {
            INFO(signal_name(signal) << (whole_group ? ", group" : ", wrapper alone"));
            CHECK(in_a_shell([&] {
                      const pid_t job = start_job(wrapped({child_program, "stop", number(signal)}));
                      if (stop_of(job) != signal) return 1;
                      ::kill(whole_group ? -job : job, SIGCONT);
                      return exit_of(job) == 7 ? 0 : 2;
                  }) == 0);
        }
    }
}

TEST_CASE("whatever continues the child continues the wrapper") {
    for (const int signal : {SIGTSTP, SIGTTIN, SIGTTOU}) {
        INFO(signal_name(signal));
        CHECK(in_a_shell([&] {
                  stopping child(signal);
                  if (stop_of(child.job) != signal) return 1;
                  ::kill(child.pid, SIGCONT);
                  child.go_on();
                  return exit_of(child.job) == 7 ? 0 : 2;
              }) == 0);
    }
}

TEST_CASE("a wrapper that was continued by its child stops with it again") {
    CHECK(in_a_shell([&] {
              stopping child(SIGTSTP, 20);
              for (int i = 0; i < 20; ++i) {
                  if (stop_of(child.job) != SIGTSTP) return 1;
                  ::kill(i % 2 == 0 ? child.pid : -child.job, SIGCONT);
                  if (!WIFCONTINUED(wait_raw(child.job, WCONTINUED))) return 2;
                  child.go_on();
              }
              return exit_of(child.job) == 7 ? 0 : 3;
          }) == 0);
}

TEST_CASE("the end of a stopped child is the wrapper's") {
    CHECK(in_a_shell([&] {
              stopping child(SIGTSTP);
              if (stop_of(child.job) != SIGTSTP) return 1;
              ::kill(child.pid, SIGKILL);
              const int status = wait_raw(child.job);
              return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL ? 0 : 2;
          }) == 0);
}

TEST_CASE("a stopped wrapper that is killed leaves nothing behind") {
    CHECK(in_a_shell([&] {
              ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
              stopping child(SIGTSTP);
              if (stop_of(child.job) != SIGTSTP) return 1;
              ::kill(child.job, SIGKILL);
              // All of them fall to this process; the watch has no exit signal.
              while (::waitpid(-1, nullptr, __WALL) > 0) continue;
              return errno == ECHILD ? 0 : 2;
          }) == 0);
}

TEST_CASE("SIGSTOP of the child does not stop the wrapper") {
    CHECK(in_a_shell([&] {
              stopping child(SIGSTOP);
              if (!is_idle(child.job, child.pid)) return 1;
              ::kill(child.pid, SIGCONT);
              child.go_on();
              const int status = wait_raw(child.job, WUNTRACED);
              return WIFEXITED(status) && WEXITSTATUS(status) == 7 ? 0 : 2;
          }) == 0);
}

TEST_CASE("Ctrl-Z stops a wrapper whose child is stopped already") {
    CHECK(in_a_shell([&] {
              stopping child(SIGSTOP);
              if (!is_idle(child.job, child.pid)) return 1;
              ::kill(-child.job, SIGTSTP);
              if (stop_of(child.job) != SIGTSTP) return 2;
              ::kill(-child.job, SIGCONT);
              child.go_on();
              return exit_of(child.job) == 7 ? 0 : 3;
          }) == 0);
}

TEST_CASE("where no shell sees it, a stop is not followed") {
    const auto goes_on = [](const stopping& child) {
        if (!is_idle(child.job, child.pid)) return 1;
        ::kill(child.pid, SIGCONT);
        child.go_on();
        const int status = wait_raw(child.job, WUNTRACED);
        return WIFEXITED(status) && WEXITSTATUS(status) == 7 ? 0 : 2;
    };
    // In the process group of who started it, as under rsync or in a script.
    CHECK(in_a_shell([&] {
              return in_fork([&] {
                  ::setpgid(0, 0);
                  return goes_on(stopping(SIGTSTP, 1, false));
              });
          }) == 0);
    // A process group of its own, and no terminal.
    CHECK(in_fork([&] {
              ::setsid();
              return goes_on(stopping(SIGTSTP));
          }) == 0);
}

TEST_CASE("a program that stops its whole process group stops once") {
    CHECK(in_a_shell([] {
              const pid_t job = start_job(wrapped({child_program, "group-stop", number(SIGTSTP)}));
              if (stop_of(job) != SIGTSTP) return 1;
              ::kill(-job, SIGCONT);
              return exit_of(job) == 7 ? 0 : 2;
          }) == 0);
}

TEST_CASE("a stop signal that was ignored at the start is still followed when it stops the child") {
    CHECK(in_a_shell([] {
              const pid_t job = start_job(wrapped({child_program, "stop-default", number(SIGTSTP)}),
                                          -1, [] { ::signal(SIGTSTP, SIG_IGN); });
              if (stop_of(job) != SIGTSTP) return 1;
              ::kill(-job, SIGCONT);
              return exit_of(job) == 7 ? 0 : 2;
          }) == 0);
}

TEST_CASE("in an orphaned process group nothing stops, as without a wrapper") {
    for (const int signal : {SIGTSTP, SIGTTIN, SIGTTOU}) {
        const words command{child_program, "stop", number(signal)};
        const auto direct = run(command, [] { ::setsid(); });
        CHECK(WEXITSTATUS(direct.status) == 7);
        CHECK(run(wrapped(command), [] { ::setsid(); }) == direct);
    }
}

TEST_CASE("a stop sent to the wrapper alone stops the child, and then the wrapper") {
    CHECK(in_a_shell([] {
              channel out;
              const pid_t job =
                  start_job(wrapped({child_program, "count", number(SIGUSR2)}), out.writing.get());
              out.writing.reset();
              if (read_line(out.reading.get()) != "ready") return 1;
              ::kill(job, SIGTSTP);
              if (stop_of(job) != SIGTSTP) return 2;
              ::kill(job, SIGCONT);
              ::kill(job, SIGRTMIN + 1);
              if (read_all(out.reading.get(), 1) != ".") return 3;
              ::kill(job, SIGUSR1);
              return exit_of(job);
          }) == 0);
}

TEST_CASE("the terminal's signals reach a child in a process group of its own") {
    for (const int signal : {SIGINT, SIGQUIT, SIGWINCH}) {
        INFO(signal_name(signal));
        CHECK(in_a_shell([&](const terminal& pty) {
                  channel out;
                  const pid_t job =
                      start_job(wrapped({child_program, "own-group-count", number(signal)}),
                                out.writing.get());
                  out.writing.reset();
                  if (!in_foreground(job)) return 101;
                  if (read_line(out.reading.get()) != "ready") return 102;
                  for (unsigned short i = 1; i <= 5; ++i) {
                      const winsize size{i, i, 0, 0};
                      const int done = signal == SIGWINCH
                                           ? ::ioctl(pty.master.get(), TIOCSWINSZ, &size)
                                           : ::ioctl(pty.master.get(), TIOCSIG, signal);
                      if (done != 0) return 103;
                      if (read_all(out.reading.get(), 1) != "+") return 104;
                  }
                  ::kill(job, SIGUSR1);
                  return exit_of(job);
              }) == 5);
    }
}

TEST_CASE("Ctrl-Z and fg work with a child in a process group of its own") {
    CHECK(in_a_shell([&](const terminal& pty) {
              channel out;
              const pid_t job = start_job(
                  wrapped({child_program, "own-group-count", number(SIGUSR2)}), out.writing.get());
              out.writing.reset();
              if (!in_foreground(job)) return 101;
              if (read_line(out.reading.get()) != "ready") return 102;
              if (::ioctl(pty.master.get(), TIOCSIG, SIGTSTP) != 0) return 103;
              if (stop_of(job) != SIGTSTP) return 104;
              ::kill(-job, SIGCONT);
              ::kill(job, SIGRTMIN + 1);
              if (read_all(out.reading.get(), 1) != ".") return 105;
              ::kill(job, SIGUSR1);
              return exit_of(job);
          }) == 0);
}

TEST_CASE("Ctrl-C reaches the child once each time") {
    terminal pty;
    channel out;
    const pid_t job = start(wrapped({child_program, "count", number(SIGINT)}), [&] {
        const int slave = pty.adopt();
        ::dup2(slave, 0);
        ::dup2(out.writing.get(), 1);
    });
    out.writing.reset();
    REQUIRE(read_line(out.reading.get()) == "ready");
    for (int i = 0; i < 20; ++i) {
        // The wrapper is held until the child has had it: a second one could not merge with it.
        ::kill(job, SIGSTOP);
        REQUIRE(WIFSTOPPED(wait_raw(job, WUNTRACED)));
        REQUIRE(::write(pty.master.get(), "\x03", 1) == 1);
        CHECK(read_all(out.reading.get(), 1) == "+");
        ::kill(job, SIGCONT);
        ::kill(job, SIGRTMIN + 1);
        CHECK(read_all(out.reading.get(), 1) == ".");
    }
    ::kill(job, SIGUSR1);
    CHECK(WEXITSTATUS(wait_raw(job)) == 20);
}

TEST_CASE("the hang-up of its terminal ends a session leader's child") {
    terminal pty;
    channel out;
    const pid_t job = start(wrapped({child_program, "pause"}), [&] {
        const int slave = pty.adopt();
        ::dup2(slave, 0);
        ::dup2(out.writing.get(), 1);
    });
    out.writing.reset();
    REQUIRE(read_line(out.reading.get()) == "ready");
    pty.master.reset();
    CHECK(read_all(out.reading.get()).empty());
    ::kill(job, SIGTERM);  // without an effect, unless the test has failed
    CHECK(WTERMSIG(wait_raw(job)) == SIGHUP);
}

TEST_CASE("under a job-control shell Ctrl-Z and fg work, in any haste") {
    const int code = in_a_shell([](const terminal& pty) {
        channel out;
        const pid_t job =
            start_job(wrapped({child_program, "count", number(SIGUSR2)}), out.writing.get());
        if (!in_foreground(job)) return 2;
        out.writing.reset();
        if (read_line(out.reading.get()) != "ready") return 3;

        if (::write(pty.master.get(), "\x1a", 1) != 1) return 4;
        int status = wait_raw(job, WUNTRACED);
        if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTSTP) return 5;
        ::kill(-job, SIGCONT);
        ::kill(job, SIGRTMIN + 1);
        if (read_all(out.reading.get(), 1) != ".") return 6;

        // The shell continues the group whatever the two of them are doing about the stop: then
        // both run. TIOCSIG is the key press without the terminal's delay.
        for (int i = 0; i < 2000; ++i) {
            if (::ioctl(pty.master.get(), TIOCSIG, SIGTSTP) != 0) return 7;
            for (int spin = 0; spin < i; ++spin) (void)::getppid();
            ::kill(-job, SIGCONT);
            ::kill(job, SIGRTMIN + 1);
            if (read_all(out.reading.get(), 1) == ".") continue;
            ::kill(-job, SIGKILL);
            return 8;
        }
        ::kill(job, SIGUSR1);
        status = wait_raw(job);
        return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : 9;
    });
    CHECK(code == 0);
}
