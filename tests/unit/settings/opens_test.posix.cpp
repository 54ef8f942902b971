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
trace calls_of_a_load(const char* const* environment,
                      const std::string& system_file = "/nonexistent/fd2.yaml") {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        fd2::settings::inputs from;
        from.environment = environment;
        from.system_file = system_file;
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

namespace {

/// How often each kind of call was made. Memory and the test's own raise and _exit do not count.
struct counts {
    int opens = 0;    ///< of files and directories
    int lookups = 0;  ///< access
    int others = 0;

    explicit counts(const trace& seen) {
        for (const unsigned long call : seen.calls) {
            if (call == SYS_openat) {
                ++opens;
#ifdef SYS_access
            } else if (call == SYS_access) {
                ++lookups;
#endif
            } else if (call == SYS_faccessat) {
                ++lookups;
            } else if (call != SYS_brk && call != SYS_mmap && call != SYS_munmap &&
                       call != SYS_madvise && call != SYS_exit_group && call != SYS_getpid &&
                       call != SYS_tgkill && call != SYS_gettid && call != SYS_rt_sigprocmask) {
                ++others;
            }
        }
    }
};

}  // namespace

TEST_CASE("without the directories of configuration files a load is two look-ups") {
    const test::environment around({"HOME=/nonexistent/home", "PATH=/bin"});
    const trace got = calls_of_a_load(around.block());
    if (!got.possible) {
        WARN("skipped: ptrace is not allowed here");
        return;
    }
    const counts made(got);
    CHECK(made.lookups == 2);
    CHECK(made.opens == 0);
    CHECK(made.others == 0);
}

TEST_CASE("in a directory without files a load tries to open the file and its drop-ins") {
    const scratch home;
    const test::environment around({"PATH=/bin"});
    const trace got = calls_of_a_load(around.block(), home.path() + "/fd2.yaml");
    if (!got.possible) {
        WARN("skipped: ptrace is not allowed here");
        return;
    }
    const counts made(got);
    CHECK(made.lookups == 1);
    CHECK(made.opens == 2);
    CHECK(made.others == 0);
}
