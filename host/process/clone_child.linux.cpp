#include "process/clone_child.hpp"

#include <cerrno>

#include "process/guarded_stack.hpp"
#include "process/kernel_signals.hpp"
#include "process/uninstrumented_clone.hpp"

namespace fd2::process {
namespace {

// No exit signal: a child that fails before exec ends unnoticed by handlers, by a wait for any
// child in another thread, and by an ignored SIGCHLD. Exec itself sets it to SIGCHLD.
cloned clone_on(void* stack_top, child_plan& plan) noexcept {
    constexpr int flags = CLONE_VM | CLONE_VFORK;
    int pidfd = -1;
    pid_t pid = FD2_CLONE(child_main, stack_top, flags | CLONE_PIDFD, &plan, &pidfd);
    // A kernel before 5.2 ignores the flag and leaves pidfd alone; `child` asks for one then.
    if (pid >= 0) return {pid, pidfd, 0};
    const int why = errno;
    if (why != EMFILE && why != ENFILE && why != EINVAL && why != ENOSYS && why != EPERM) {
        return {-1, -1, why};
    }
    // No descriptor left, or the flag is not welcome: the child matters more than its pidfd.
    pid = FD2_CLONE(child_main, stack_top, flags, &plan);
    return pid >= 0 ? cloned{pid, -1, 0} : cloned{-1, -1, errno};
}

}  // namespace

cloned clone_child(child_plan& plan) noexcept {
    const guarded_stack stack;
    if (stack.sys_errno() != 0) return {-1, -1, stack.sys_errno()};
    // No handler of ours may run in the child, and no signal may end it half-way with memory that
    // it shares.
    const kernel::all_blocked blocked;
    return clone_on(stack.top(), plan);
}

}  // namespace fd2::process
