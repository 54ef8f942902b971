// A wrapper made of this room, held against the same command without it.
#include <sched.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>
#include <sstream>

#include "base/signal_set.hpp"
#include "unit/process/support.hpp"

using namespace process_test;
using fd2::ends_by_default;
using fd2::signal_name;

namespace {

void no_core() {
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
}

/// A wrapper around "count SIGNAL", in a process group of its own, and the child's output.
struct counting {
    channel out;
    pid_t wrapper;

    explicit counting(
        int signal, const std::string& how = "count",
        const std::function<void()>& prepare = [] {}) {
        wrapper = start(wrapped({child_program, how, std::to_string(signal)}), [&] {
            ::setpgid(0, 0);
            ::dup2(out.writing.get(), 1);
            prepare();
        });
        out.writing.reset();
        REQUIRE(read_line(out.reading.get()) == "ready");
    }
    char next() {
        const auto one = read_all(out.reading.get(), 1);
        return one.empty() ? '-' : one[0];
    }
    /// After all that was sent before has arrived: how many came.
    int count() {
        ::kill(wrapper, SIGRTMIN + 1);
        char last;
        do last = next();
        while (last == '+');
        CHECK(last == '.');
        ::kill(wrapper, SIGUSR1);
        const int status = wait_raw(wrapper);
        CHECK(WIFEXITED(status));
        return WEXITSTATUS(status);
    }
};

}  // namespace

TEST_CASE("every exit code is that of a direct run") {
    for (int code = 0; code <= 255; ++code) {
        const words command{child_program, "exit", std::to_string(code)};
        const auto direct = run(command);
        CHECK(WEXITSTATUS(direct.status) == code);
        CHECK(run(wrapped(command)) == direct);
    }
}

TEST_CASE("death by every signal is that of a direct run") {
    for (int signal = 1; signal <= 64; ++signal) {
        if (!ends_by_default(signal)) continue;
        INFO(signal_name(signal));
        const words command{child_program, "die", std::to_string(signal)};
        const auto direct = run(command, no_core);
        CHECK(WTERMSIG(direct.status) == signal);
        CHECK(run(wrapped(command), no_core) == direct);
    }
}

TEST_CASE("a wrapper dies without a core of its own") {
    temporary_directory here;
    const auto prepare = [&] {
        const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
        ::setrlimit(RLIMIT_CORE, &unlimited);
        if (::chdir(here.file("").c_str()) != 0) ::_exit(117);
    };
    const words command{child_program, "die", std::to_string(SIGSEGV)};
    const auto direct = run(command, prepare);
    if (!WCOREDUMP(direct.status)) WARN("no cores to be had here");
    const auto outcome = run(wrapped(command), prepare);
    CHECK(WTERMSIG(outcome.status) == SIGSEGV);
    CHECK_FALSE(WCOREDUMP(outcome.status));
}

TEST_CASE("as pid 1, which no signal of its own ends, a wrapper exits with 128 and the signal") {
    for (const int signal : {SIGTERM, SIGKILL}) {
        const int code = in_fork([&] {
            const int flags = CLONE_NEWPID | (::geteuid() == 0 ? 0 : CLONE_NEWUSER);
            if (::unshare(flags) != 0) return 0;  // not allowed here: nothing to be seen
            const auto outcome =
                run(wrapped({child_program, "die", std::to_string(signal)}), no_core);
            return WIFEXITED(outcome.status) ? WEXITSTATUS(outcome.status) : 1;
        });
        if (code == 0) {
            WARN("no pid namespaces to be had here");
        } else {
            CHECK(code == 128 + signal);
        }
    }
}

TEST_CASE("a wrapper tells not found from not executable") {
    CHECK(WEXITSTATUS(run(wrapped({"/nonexistent"})).status) == 127);
    CHECK(WEXITSTATUS(run(wrapped({"/"})).status) == 126);
    CHECK(WEXITSTATUS(run(wrapped({})).status) == 125);
}

TEST_CASE("every signal that is meant for the child reaches it once") {
    for (int signal = 1; signal <= 64; ++signal) {
        switch (signal) {
            case SIGKILL:
            case SIGSTOP:
            case SIGCHLD:
            case SIGUSR1:  // ends the counting
                continue;
            default:
                break;
        }
        if (signal == 32 || signal == 33 || signal == SIGRTMIN + 1) continue;
        INFO(signal_name(signal));
        counting child(signal);
        REQUIRE(::kill(child.wrapper, signal) == 0);
        CHECK(child.next() == '+');
        CHECK(child.count() == 1);
    }
}

TEST_CASE("SIGUSR1, rsync's farewell to its remote shell, ends the child and not the wrapper") {
    channel out;
    const pid_t wrapper =
        start(wrapped({child_program, "pause"}), [&] { ::dup2(out.writing.get(), 1); });
    out.writing.reset();
    CHECK(read_line(out.reading.get()) == "ready");
    ::kill(wrapper, SIGUSR1);
    CHECK(WTERMSIG(wait_raw(wrapper)) == SIGUSR1);
    CHECK(read_all(out.reading.get()).empty());
}

TEST_CASE("a fault of its own ends the wrapper, and the child with it") {
    channel out;
    const pid_t wrapper = start(wrapped({child_program, "pause"}), [&] {
        no_core();
        ::setenv("FAULT", "1", 1);
        ::dup2(out.writing.get(), 1);
    });
    out.writing.reset();
    const int status = wait_raw(wrapper);
    REQUIRE(WIFSIGNALED(status));
    CHECK((WTERMSIG(status) == SIGILL || WTERMSIG(status) == SIGTRAP));
    read_all(out.reading.get());  // EOF: the child is gone
}

TEST_CASE("a signal that was ignored at the start stays so") {
    counting child(SIGHUP, "count", [] { ::signal(SIGHUP, SIG_IGN); });
    ::kill(child.wrapper, SIGHUP);
    CHECK(child.count() == 0);
}

TEST_CASE("a child that signals its process group has the signal once") {
    channel in;
    counting child(SIGTERM, "group-count", [&] { ::dup2(in.reading.get(), 0); });
    // The wrapper is held until the child has had the signal: a second one could not merge with it.
    ::kill(child.wrapper, SIGSTOP);
    REQUIRE(WIFSTOPPED(wait_raw(child.wrapper, WUNTRACED)));
    REQUIRE(::write(in.writing.get(), "x", 1) == 1);
    CHECK(child.next() == '+');
    ::kill(child.wrapper, SIGCONT);
    CHECK(child.count() == 1);
}

TEST_CASE("an alarm set before the start strikes the child") {
    const words command{child_program, "pause"};
    const auto direct = run(command, [] { ::alarm(1); });
    CHECK(WTERMSIG(direct.status) == SIGALRM);
    const auto outcome = run(wrapped(command), [] { ::alarm(1); });
    CHECK(outcome == direct);
}

TEST_CASE("after the child's end a terminating signal ends the wrapper with the child's status") {
    channel told;
    const pid_t wrapper = start(wrapped({child_program, "exit", "23"}), [&] {
        ::dup2(told.writing.get(), 40);
        ::setenv("LINGER_FD", "40", 1);
    });
    told.writing.reset();
    CHECK(read_line(told.reading.get()) == "ended");
    ::kill(wrapper, SIGWINCH);
    ::kill(wrapper, SIGTERM);
    CHECK(WEXITSTATUS(wait_raw(wrapper)) == 23);
}

TEST_CASE("a killed wrapper leaves no child behind") {
    channel out;
    const pid_t wrapper =
        start(wrapped({child_program, "pause"}), [&] { ::dup2(out.writing.get(), 1); });
    out.writing.reset();
    CHECK(read_line(out.reading.get()) == "ready");
    ::kill(wrapper, SIGKILL);
    CHECK(WTERMSIG(wait_raw(wrapper)) == SIGKILL);
    CHECK(read_all(out.reading.get()).empty());
}

TEST_CASE("a wrapper that is started with SIGCHLD ignored still knows the status") {
    const auto outcome =
        run(wrapped({child_program, "exit", "23"}), [] { ::signal(SIGCHLD, SIG_IGN); });
    CHECK(WEXITSTATUS(outcome.status) == 23);
}

TEST_CASE("started with 0, 1 and 2 closed, a child finds /dev/null there") {
    temporary_directory here;
    const auto report = here.file("report");
    const auto outcome = run(wrapped({child_program, "descriptors", report}), [] {
        for (int fd = 0; fd < 3; ++fd) ::close(fd);
        ::close_range(3, ~0u, 0);
    });
    CHECK(outcome.status == 0);
    std::ostringstream text;
    text << std::ifstream(report).rdbuf();
    CHECK(text.str() == "0 /dev/null\n1 /dev/null\n2 /dev/null\n");
}

TEST_CASE("the wire's ends are the child's alone") {
    channel in, out;
    const pid_t wrapper =
        start(wrapped({"/bin/sh", "-c", "echo hello; exec >&-; read line; exit 3"}), [&] {
            ::dup2(in.reading.get(), 0);
            ::dup2(out.writing.get(), 1);
        });
    in.reading.reset();
    out.writing.reset();
    CHECK(read_all(out.reading.get()) == "hello\n");  // EOF while both still run
    CHECK(::waitpid(wrapper, nullptr, WNOHANG) == 0);
    in.writing.reset();
    CHECK(WEXITSTATUS(wait_raw(wrapper)) == 3);
}
