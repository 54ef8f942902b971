// Built without sanitizers, and with bare system calls: their run-time, which stands between us and
// the C library's, would take this for the parent's thread.
#include "process/child_side.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>

#include "process/kernel_signals.hpp"

namespace fd2::process {
namespace {

[[noreturn]] void leave() noexcept {
    for (;;) ::syscall(SYS_exit_group, 127);
}

[[noreturn]] void give_up(child_plan& plan, child_step step, int why) noexcept {
    plan.failed = step;
    plan.sys_errno = why;
    leave();
}

// Handlers must be gone before the first signal is let in: they would run here, on the parent's
// memory. Ours are a copy of the parent's (no CLONE_SIGHAND), so the parent keeps its own.
void set_dispositions(child_plan& plan) noexcept {
    const signal_set ignored(plan.ignored);
    for (int signal = 1; signal <= last_signal; ++signal) {
        if (signal == SIGKILL || signal == SIGSTOP) continue;
        const kernel::action wanted{
            ignored.has(signal) ? kernel::ignore : kernel::by_default, 0, {}};
        if (kernel::change_action(signal, &wanted, nullptr) != 0) {
            give_up(plan, child_step::signals, errno);
        }
    }
}

void put(child_plan& plan, int source, int target) noexcept {
    if (source == target) {
        const long flags = ::syscall(SYS_fcntl, target, F_GETFD);
        if (flags < 0 || ::syscall(SYS_fcntl, target, F_SETFD, flags & ~FD_CLOEXEC) < 0) {
            give_up(plan, child_step::descriptors, errno);
        }
        return;
    }
    long done;
    do done = ::syscall(SYS_dup3, source, target, 0);
    while (done < 0 && (errno == EINTR || errno == EBUSY));
    if (done < 0) give_up(plan, child_step::descriptors, errno);
}

// Places each source before its own number is overwritten. Only a ring (0 and 1 exchanged, say)
// needs one more descriptor.
void set_standard(child_plan& plan) noexcept {
    std::array<int, 3> source = plan.standard;
    const auto wanted_elsewhere = [&source](int target) {
        for (int other = 0; other < 3; ++other) {
            if (other != target && source[static_cast<std::size_t>(other)] == target) return true;
        }
        return false;
    };
    for (;;) {
        bool placed = false;
        int waiting = -1;
        for (int target = 0; target < 3; ++target) {
            int& fd = source[static_cast<std::size_t>(target)];
            if (fd < 0) continue;
            if (fd != target && wanted_elsewhere(target)) {
                waiting = target;
                continue;
            }
            // One that is in its place already stays open there, and can still be copied elsewhere.
            put(plan, fd, target);
            fd = -1;
            placed = true;
        }
        if (waiting < 0) return;
        if (placed) continue;
        // Only rings are left: set one member aside and let the others follow.
        const int aside = static_cast<int>(::syscall(SYS_fcntl, waiting, F_DUPFD_CLOEXEC, 3));
        if (aside < 0) give_up(plan, child_step::descriptors, errno);
        for (int& each : source) {
            if (each == waiting) each = aside;
        }
    }
}

// The errors of one candidate after which execvp(3) tries the next.
bool goes_on_after(int why) noexcept {
    switch (why) {
        case EACCES:
        case ENOENT:
        case ENOTDIR:
        case ESTALE:
        case ENODEV:
        case ETIMEDOUT:
            return true;
        default:
            return false;
    }
}

}  // namespace

void execute_first(child_plan& plan) noexcept {
    int why = ENOENT;
    std::size_t at = 0;
    bool refused = false;
    for (std::size_t i = 0; plan.candidates[i]; ++i) {
        char* const file = plan.candidates[i];
        ::syscall(SYS_execve, file, plan.argv, plan.environment);
        if (errno == ENOEXEC) {
            plan.shell_argv[1] = file;
            ::syscall(SYS_execve, plan.shell_argv[0], plan.shell_argv, plan.environment);
        }
        // "May not be executed" says more than the "not there" of a later candidate.
        if (!refused) {
            why = errno;
            at = i;
            refused = why == EACCES;
        }
        if (!goes_on_after(errno)) {
            why = errno;
            at = i;
            break;
        }
    }
    plan.candidate = at;
    plan.failed = child_step::execute;
    plan.sys_errno = why;
}

int child_main(void* argument) noexcept {
    child_plan& plan = *static_cast<child_plan*>(argument);
    set_dispositions(plan);
    set_standard(plan);
    if (plan.working_directory && ::syscall(SYS_chdir, plan.working_directory) != 0) {
        give_up(plan, child_step::directory, errno);
    }
    if (plan.parent_death_signal != 0) {
        if (::syscall(SYS_prctl, PR_SET_PDEATHSIG, plan.parent_death_signal, 0, 0, 0) != 0) {
            give_up(plan, child_step::parent_death, errno);
        }
        // It fires for a death from now on only; one before shows as another parent. 0 is no death:
        // the first process of a new pid namespace cannot see its parent.
        const long parent = ::syscall(SYS_getppid);
        if (parent != plan.parent && parent != 0) leave();
    }
    if (kernel::change_mask(SIG_SETMASK, &plan.blocked, nullptr) != 0) {
        give_up(plan, child_step::signals, errno);
    }
    execute_first(plan);
    leave();
}

}  // namespace fd2::process
