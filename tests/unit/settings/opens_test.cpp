// What a load costs when there is nothing to load: counted from outside, by ptrace.
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <vector>

#include "support.hpp"
#include "support/catch.hpp"

namespace {

struct trace {
    bool possible = false;
    std::vector<unsigned long> calls;
};

/// The system calls between the child's SIGSTOP and its exit.
trace calls_of_a_load(const char* const* environment) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        fd2::settings::inputs from;
        from.environment = environment;
        from.system_file = "/nonexistent/fd2.yaml";
        if (::ptrace(PTRACE_TRACEME, 0, 0, 0) != 0) ::_exit(77);
        ::raise(SIGSTOP);
        const bool good = fd2::settings::load(from).ok();
        ::_exit(good ? 0 : 1);
    }
    trace out;
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    if (!WIFSTOPPED(status)) return out;  // ptrace is forbidden here
    out.possible = true;
    ::ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    for (;;) {
        REQUIRE(::ptrace(PTRACE_SYSCALL, child, 0, 0) == 0);
        REQUIRE(::waitpid(child, &status, 0) == child);
        if (!WIFSTOPPED(status)) break;
        if (WSTOPSIG(status) != (SIGTRAP | 0x80)) continue;
        __ptrace_syscall_info info{};
        if (::ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, &info) <= 0) {
            continue;
        }
        if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
            out.calls.push_back(static_cast<unsigned long>(info.entry.nr));
        }
    }
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
    return out;
}

}  // namespace

TEST_CASE("without files a load is two failed opens and nothing else") {
    const test::environment around({"HOME=/nonexistent/home", "PATH=/bin"});
    const trace got = calls_of_a_load(around.block());
    if (!got.possible) {
        WARN("skipped: ptrace is not allowed here");
        return;
    }
    int opens = 0, others = 0;
    for (const unsigned long call : got.calls) {
        if (call == SYS_openat) {
            ++opens;
        } else if (call != SYS_brk && call != SYS_mmap && call != SYS_munmap &&
                   call != SYS_madvise && call != SYS_exit_group && call != SYS_getpid &&
                   call != SYS_tgkill && call != SYS_gettid && call != SYS_rt_sigprocmask) {
            ++others;  // memory and the test's own raise and _exit aside
        }
    }
    CHECK(opens == 2);
    CHECK(others == 0);
}
