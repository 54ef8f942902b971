#include "process/child.hpp"

#include <sys/syscall.h>

#include <csignal>

#include "process/spawn.hpp"
#include "support/deny.hpp"
#include "unit/process/support.hpp"

using namespace process_test;
using namespace fd2::process;

namespace {

child started(words arguments, int out = -1) {
    spawn_spec spec;
    spec.argv = std::move(arguments);
    spec.argv.insert(spec.argv.begin(), child_program);
    spec.standard_output = out;
    auto spawned = spawn(spec);
    REQUIRE(spawned);
    return std::move(spawned).value();
}

fd2::nanoseconds_t soon() {
    return fd2::after(fd2::now(), 60 * fd2::second);
}

/// Waits, by the kernel, until the child has stopped or gone on; leaves the event to be asked for.
void await_change(const child& child, int flags) {
    siginfo_t info{};
    REQUIRE(::waitid(P_PID, static_cast<id_t>(child.pid()), &info, flags | WNOWAIT) == 0);
}

/// A child that ends when `in` is closed.
child copying(const channel& in, const channel& out) {
    spawn_spec spec;
    spec.argv = {child_program, "copy"};
    spec.standard_input = in.reading.get();
    spec.standard_output = out.writing.get();
    auto spawned = spawn(spec);
    if (!spawned) ::_exit(116);
    return std::move(spawned).value();
}

}  // namespace

TEST_CASE("where pidfd_send_signal is refused, a child is signalled by its number") {
    CHECK(in_fork([] {
              channel in, out;
              auto running = copying(in, out);
              if (!deny(SYS_pidfd_send_signal)) return 1;
              if (!running.kill(SIGTERM)) return 2;
              const auto end = running.wait(soon());
              if (!end || end->signal() != SIGTERM) return 3;
              // Not any more: the number may be somebody else's.
              const auto late = running.kill(SIGTERM);
              return !late && late.error().sys_errno == ESRCH ? 0 : 4;
          }) == 0);
}

TEST_CASE("a child that cannot be killed is left to itself, and that is said") {
    CHECK(in_fork([] {
              channel in, out;
              auto running = copying(in, out);
              if (!deny(SYS_pidfd_send_signal) || !deny(SYS_kill)) return 1;
              const pid_t pid = running.pid();
              const auto done = running.put_down();
              if (done || done.error().sys_errno != EPERM) return 2;
              if (running.pid() != 0 || running.wait(soon())) return 3;
              in.writing.reset();
              return wait_raw(pid) == 0 ? 0 : 4;
          }) == 0);
}

TEST_CASE("a destructor does not wait for a child that it cannot kill") {
    CHECK(in_fork([] {
              channel in, out;
              {
                  const auto running = copying(in, out);
                  if (!deny(SYS_pidfd_send_signal) || !deny(SYS_kill)) return 1;
              }
              return 0;
          }) == 0);
}

TEST_CASE("a fork neither signals its parent's child nor waits for it") {
    channel in, out;
    auto running = copying(in, out);
    CHECK(in_fork([&] {
              child copy(std::move(running));
              if (copy.kill(SIGKILL) || copy.wait() || copy.try_wait()) return 1;
              return copy.put_down() ? 0 : 2;
          }) == 0);
    const auto end = running.try_wait();
    REQUIRE(end);
    CHECK_FALSE(*end);
    in.writing.reset();
    const auto how = running.wait(soon());
    REQUIRE(how);
    CHECK(how->success());
}

TEST_CASE("a pidfd is close-on-exec and readable from the end on") {
    channel out;
    auto running = started({"pause"}, out.writing.get());
    CHECK(read_line(out.reading.get()) == "ready");
    pollfd end{running.pidfd(), POLLIN, 0};
    CHECK((::fcntl(running.pidfd(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(::poll(&end, 1, 0) == 0);
    REQUIRE(running.kill(SIGTERM));
    CHECK(::poll(&end, 1, 30'000) == 1);
    const auto status = running.wait();
    REQUIRE(status);
    CHECK(*status == fd2::exit_status::signalled(SIGTERM, false));
}

TEST_CASE("try_wait tells nothing of a running child and collects an ended one") {
    channel out;
    auto running = started({"pause"}, out.writing.get());
    CHECK(read_line(out.reading.get()) == "ready");
    auto status = running.try_wait();
    REQUIRE(status);
    CHECK_FALSE(status->has_value());
    REQUIRE(running.kill(SIGKILL));
    pollfd end{running.pidfd(), POLLIN, 0};
    REQUIRE(::poll(&end, 1, 30'000) == 1);
    status = running.try_wait();
    REQUIRE(status);
    REQUIRE(status->has_value());
    CHECK(**status == fd2::exit_status::signalled(SIGKILL, false));
    CHECK(running.ended() == *status);
}

TEST_CASE("a wait ends at its deadline and the child goes on") {
    channel out;
    auto running = started({"count", std::to_string(SIGUSR2)}, out.writing.get());
    CHECK(read_line(out.reading.get()) == "ready");
    const auto early = running.wait(fd2::after(fd2::now(), fd2::millisecond));
    REQUIRE_FALSE(early);
    CHECK(early.error().code == fd2::errc::timedout);
    REQUIRE(running.kill(SIGUSR2));
    CHECK(read_all(out.reading.get(), 1) == "+");
    REQUIRE(running.kill(SIGUSR1));
    const auto status = running.wait(soon());
    REQUIRE(status);
    CHECK(*status == fd2::exit_status::exited(1));
}

TEST_CASE("a second wait is an error, and so is a signal") {
    auto running = started({"exit", "5"});
    REQUIRE(running.wait());
    auto second = running.wait();
    REQUIRE_FALSE(second);
    CHECK(second.error().code == fd2::errc::state);
    auto tried = running.try_wait();
    REQUIRE_FALSE(tried);
    CHECK(tried.error().code == fd2::errc::state);
    const auto sent = running.kill(SIGTERM);
    REQUIRE_FALSE(sent);
    CHECK(sent.error().sys_errno == ESRCH);
    CHECK(running.ended() == fd2::exit_status::exited(5));
}

TEST_CASE("what was moved from owns no child") {
    auto first = started({"exit", "6"});
    const pid_t pid = first.pid();
    child second(std::move(first));
    CHECK(first.pid() == 0);
    auto status = first.wait();
    REQUIRE_FALSE(status);
    CHECK(status.error().code == fd2::errc::state);
    CHECK_FALSE(first.kill(SIGTERM));
    CHECK(second.pid() == pid);
    first = std::move(second);
    status = first.wait();
    REQUIRE(status);
    CHECK(status->code() == 6);
}

TEST_CASE("a running child is killed and collected by the destructor") {
    channel out;
    pid_t pid = 0;
    {
        const auto running = started({"pause"}, out.writing.get());
        pid = running.pid();
        out.writing.reset();
        CHECK(read_line(out.reading.get()) == "ready");
    }
    CHECK(read_all(out.reading.get()).empty());
    CHECK(::waitpid(pid, nullptr, WNOHANG) == -1);
    CHECK(errno == ECHILD);
}

TEST_CASE("a child that somebody else collected is lost, not an error") {
    auto running = started({"exit", "5"});
    wait_raw(running.pid());
    const auto status = running.wait(soon());
    REQUIRE(status);
    CHECK(*status == fd2::exit_status::lost(ECHILD));
    CHECK_FALSE(running.wait());
}

TEST_CASE("with SIGCHLD ignored a wait still ends, and the status is lost") {
    const int code = in_fork([] {
        ::signal(SIGCHLD, SIG_IGN);
        for (const bool timed : {true, false}) {
            spawn_spec spec;
            spec.argv = {child_program, "exit", "5"};
            auto child = spawn(spec);
            if (!child) return 1;
            const auto status = child->wait(timed ? soon() : fd2::never);
            if (!status || *status != fd2::exit_status::lost(ECHILD)) return 2;
        }
        return 0;
    });
    CHECK(code == 0);
}

TEST_CASE("stops and continuations are told, the newest once, and are no end") {
    auto running = started({"stop", std::to_string(SIGSTOP)});
    await_change(running, WSTOPPED);
    auto status = running.try_wait();
    REQUIRE(status);
    CHECK_FALSE(status->has_value());
    auto event = running.job_change();
    REQUIRE(event);
    CHECK(event->stopped_by == SIGSTOP);
    CHECK_FALSE(running.job_change());
    REQUIRE(running.kill(SIGCONT));
    const auto end = running.wait(soon());
    REQUIRE(end);
    CHECK(end->code() == 7);
    CHECK_FALSE(running.job_change());
}

TEST_CASE("a stop that is over is told as a continuation") {
    channel out;
    auto running = started({"count", std::to_string(SIGUSR2)}, out.writing.get());
    CHECK(read_line(out.reading.get()) == "ready");
    REQUIRE(running.kill(SIGSTOP));
    await_change(running, WSTOPPED);
    REQUIRE(running.kill(SIGCONT));
    await_change(running, WCONTINUED);
    const auto event = running.job_change();
    REQUIRE(event);
    CHECK(event->stopped_by == 0);
}
