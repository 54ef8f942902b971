// What is told when the program cannot be executed, and what is left behind: nothing.
#include <sys/resource.h>

#include <csignal>

#include "process/spawn.hpp"
#include "unit/process/support.hpp"

using namespace process_test;
using namespace fd2::process;

namespace {

struct refused {
    int sys_errno = 0;
    spawn_refusal why{};
    std::string message;
};

refused refusal_of(words argv, const std::string& directory = {}) {
    spawn_spec spec;
    spec.argv = std::move(argv);
    spec.working_directory = directory;
    refused got;
    auto child = spawn(spec, &got.why);
    REQUIRE_FALSE(child);
    got.sys_errno = child.error().sys_errno;
    got.message = child.error().message;
    // No zombie, not even one without an exit signal.
    CHECK(::waitpid(-1, nullptr, WNOHANG | __WALL) == -1);
    CHECK(errno == ECHILD);
    return got;
}

volatile sig_atomic_t sigchld_count = 0;
extern "C" void on_sigchld(int) {
    sigchld_count = sigchld_count + 1;
}

}  // namespace

TEST_CASE("a missing command is not found") {
    auto got = refusal_of({"/nonexistent/command"});
    CHECK(got.sys_errno == ENOENT);
    CHECK(got.why == spawn_refusal::not_found);
    CHECK(got.message == "execute: /nonexistent/command: No such file or directory (ENOENT)");
    got = refusal_of({"fd2-no-such-command"});
    CHECK(got.why == spawn_refusal::not_found);
    CHECK(got.message == "execute: fd2-no-such-command: No such file or directory (ENOENT)");
    CHECK(refusal_of({""}).why == spawn_refusal::not_found);
    got = refusal_of({child_program + "/below"});
    CHECK(got.sys_errno == ENOTDIR);
    CHECK(got.why == spawn_refusal::not_found);
    CHECK(refusal_of({std::string(5000, 'x')}).why == spawn_refusal::not_found);
}

TEST_CASE("what is there but cannot be executed is told apart") {
    temporary_directory here;
    const auto plain = here.make("plain", "#!/bin/sh\n", 0644);
    auto got = refusal_of({plain});
    CHECK(got.sys_errno == EACCES);
    CHECK(got.why == spawn_refusal::not_executable);
    CHECK(got.message == "execute: " + plain + ": Permission denied (EACCES)");
    got = refusal_of({here.file("")});
    CHECK(got.sys_errno == EACCES);
    CHECK(got.why == spawn_refusal::not_executable);

    const auto script = here.make("script", "#!/nonexistent/interpreter\n", 0755);
    got = refusal_of({script});
    CHECK(got.sys_errno == ENOENT);
    CHECK(got.why == spawn_refusal::not_executable);
    CHECK(got.message == "execute: " + script + ": its interpreter is missing (ENOENT)");
}

TEST_CASE("in PATH a candidate that may not be executed outweighs the missing ones") {
    temporary_directory here;
    const auto plain = here.make("fd2-tool", "", 0644);
    const std::string before = ::getenv("PATH");
    ::setenv("PATH", ("/nonexistent:" + here.file("") + ":/also-not").c_str(), 1);
    const auto got = refusal_of({"fd2-tool"});
    ::setenv("PATH", before.c_str(), 1);
    CHECK(got.sys_errno == EACCES);
    CHECK(got.why == spawn_refusal::not_executable);
    CHECK(got.message.find("/fd2-tool: Permission denied") != std::string::npos);
}

TEST_CASE("a directory of PATH that may not be searched makes no command of a missing one") {
    temporary_directory here;
    const auto closed = here.file("closed");
    REQUIRE(::mkdir(closed.c_str(), 0) == 0);  // to root it is open: then there is nothing in it
    const std::string before = ::getenv("PATH");
    ::setenv("PATH", (closed + ":/nonexistent").c_str(), 1);
    const auto got = refusal_of({"fd2-no-such-command"});
    ::setenv("PATH", before.c_str(), 1);
    CHECK(got.sys_errno == ENOENT);
    CHECK(got.why == spawn_refusal::not_found);
}

TEST_CASE("arguments that are too long are reported") {
    const auto got = refusal_of({child_program, std::string(1 << 20, 'x')});
    CHECK(got.sys_errno == E2BIG);
    CHECK(got.why == spawn_refusal::not_executable);
}

TEST_CASE("a directory that cannot be entered is our own failure") {
    const auto got = refusal_of({child_program, "exit", "0"}, "/nonexistent");
    CHECK(got.sys_errno == ENOENT);
    CHECK(got.why == spawn_refusal::own_failure);
    CHECK(got.message == "chdir: /nonexistent: No such file or directory (ENOENT)");
}

TEST_CASE("without processes to be had the spawn says so") {
    const int code = in_fork([] {
        const rlimit none{1, 1};
        if (::setrlimit(RLIMIT_NPROC, &none) != 0) return 1;
        if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) return 2;
        spawn_spec spec;
        spec.argv = {"/bin/true"};
        spawn_refusal refusal{};
        auto child = spawn(spec, &refusal);
        if (child) return 3;
        if (child.error().code != fd2::errc::resource) return 4;
        return refusal == spawn_refusal::own_failure ? 0 : 5;
    });
    CHECK(code == 0);
}

TEST_CASE("a failed spawn sends no SIGCHLD, a child that ran does") {
    const int code = in_fork([] {
        struct sigaction action {};
        action.sa_handler = on_sigchld;
        action.sa_flags = SA_RESTART;
        ::sigaction(SIGCHLD, &action, nullptr);
        spawn_spec spec;
        spec.argv = {"/nonexistent/command"};
        if (spawn(spec)) return 1;
        if (sigchld_count != 0) return 2;
        spec.argv = {child_program, "exit", "0"};
        auto child = spawn(spec);
        if (!child || !child->wait()) return 3;
        return sigchld_count == 1 ? 0 : 4;
    });
    CHECK(code == 0);
}
