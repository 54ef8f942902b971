// Stopping and going on together with the child, with and without a terminal.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>

#include <csignal>

#include "process/signal_set.hpp"
#include "unit/process/support.hpp"

using namespace process_test;
using fd2::process::signal_name;

namespace {

// A process group is orphaned unless a parent outside of it shares its session: this process is
// that parent, as an interactive shell would be.
pid_t start_job(
    const words& command, int out = -1, const std::function<void()>& prepare = [] {}) {
    return start(command, [&] {
        ::setpgid(0, 0);
        if (out >= 0) ::dup2(out, 1);
        prepare();
    });
}

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

}  // namespace

TEST_CASE("a wrapper stops with its child by the same signal, and both go on") {
    for (const int signal : {SIGTSTP, SIGTTIN, SIGTTOU, SIGSTOP}) {
        for (const bool whole_group : {true, false}) {
            INFO(signal_name(signal) << (whole_group ? ", group" : ", wrapper alone"));
            const pid_t job = start_job(wrapped({child_program, "stop", number(signal)}));
            const int stopped = wait_raw(job, WUNTRACED);
            REQUIRE(WIFSTOPPED(stopped));
            CHECK(WSTOPSIG(stopped) == signal);
            REQUIRE(::kill(whole_group ? -job : job, SIGCONT) == 0);
            // The kernel tells of a continuation only as long as the end has not overtaken it.
            const int next = wait_raw(job, WCONTINUED);
            const int end = WIFCONTINUED(next) ? wait_raw(job) : next;
            REQUIRE(WIFEXITED(end));
            CHECK(WEXITSTATUS(end) == 7);
        }
    }
}

TEST_CASE("a program that stops its whole process group stops once") {
    const pid_t job = start_job(wrapped({child_program, "group-stop", number(SIGTSTP)}));
    CHECK(WSTOPSIG(wait_raw(job, WUNTRACED)) == SIGTSTP);
    REQUIRE(::kill(-job, SIGCONT) == 0);
    CHECK(WEXITSTATUS(wait_raw(job, WUNTRACED)) == 7);
}

TEST_CASE("a stop signal that was ignored at the start is still followed when it stops the child") {
    const pid_t job = start_job(wrapped({child_program, "stop-default", number(SIGTSTP)}), -1,
                                [] { ::signal(SIGTSTP, SIG_IGN); });
    CHECK(WSTOPSIG(wait_raw(job, WUNTRACED)) == SIGTSTP);
    REQUIRE(::kill(-job, SIGCONT) == 0);
    CHECK(WEXITSTATUS(wait_raw(job, WUNTRACED)) == 7);
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
    channel out;
    const pid_t job =
        start_job(wrapped({child_program, "count", number(SIGUSR2)}), out.writing.get());
    out.writing.reset();
    REQUIRE(read_line(out.reading.get()) == "ready");
    ::kill(job, SIGTSTP);
    CHECK(WSTOPSIG(wait_raw(job, WUNTRACED)) == SIGTSTP);
    ::kill(job, SIGCONT);
    ::kill(job, SIGRTMIN + 1);
    CHECK(read_all(out.reading.get(), 1) == ".");
    ::kill(job, SIGUSR1);
    CHECK(WEXITSTATUS(wait_raw(job)) == 0);
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
    terminal pty;
    const int code = in_fork([&] {
        if (pty.adopt() < 0) return 1;
        ::signal(SIGTTOU, SIG_IGN);
        channel out;
        const pid_t job = start_job(wrapped({child_program, "count", number(SIGUSR2)}),
                                    out.writing.get(), [] { ::signal(SIGTTOU, SIG_DFL); });
        ::setpgid(job, job);
        const int tty = ::open("/dev/tty", O_RDWR | O_CLOEXEC);
        if (::tcsetpgrp(tty, job) != 0) return 2;
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
