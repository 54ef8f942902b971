// What a plugin runs at exit, as the kernel sees it.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <csignal>
#include <cstdlib>

#include "conformance/check.hpp"
#include "conformance/driver.hpp"
#include "conformance/worker.hpp"

using namespace fd2::conformance;

namespace {
/// From now on a system call of this thread that waits ends the process with SIGSYS.
bool forbid_waiting() {
    std::vector<sock_filter> program = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
    std::vector<long> waiting = {SYS_nanosleep,     SYS_clock_nanosleep, SYS_ppoll,
                                 SYS_pselect6,      SYS_epoll_pwait,     SYS_rt_sigtimedwait,
                                 SYS_rt_sigsuspend, SYS_wait4,           SYS_waitid};
#ifdef SYS_poll
    waiting.insert(waiting.end(), {SYS_poll, SYS_select, SYS_epoll_wait, SYS_pause});
#endif
    for (const long number : waiting) {
        program.push_back(
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(number), 0, 1));
        program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
    }
    program.push_back(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
    return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}
}  // namespace

HELPER("leaves by exit and must not wait") {
    static recorder into;
    static const driver* const channel = started({tested(), way::thread}, into).release();
    REQUIRE(channel->code() == FD2_OK);
    if (!forbid_waiting()) std::exit(77);
    std::exit(7);
}

CHECK_CASE(G30, must, "X9", "what a plugin runs at exit does not wait, not even for a moment",
           "a process of its own leaves by exit(7) with an idle channel; seccomp ends it with "
           "SIGSYS where it sleeps, polls or waits for a process") {
    const int status = run_alone("leaves by exit and must not wait");
    const bool waited = status == 1000 + SIGSYS;
    CHECK_FALSE(waited);
    if (status == 77) {
        SKIP_CHECK("seccomp filters are not allowed here");
    }
    if (!waited) CHECK(status == 7);
}
