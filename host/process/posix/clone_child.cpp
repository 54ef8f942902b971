#include "process/posix/clone_child.hpp"

#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "process/posix/kernel_signals.hpp"

// The run-time of ThreadSanitizer takes every clone for a fork and spoils the parent's state, which
// is shared here. The C library's other name for the same function passes it by.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FD2_UNDER_TSAN 1
#endif
#elif defined(__SANITIZE_THREAD__)
#define FD2_UNDER_TSAN 1
#endif
#ifdef FD2_UNDER_TSAN
extern "C" int __clone(int (*)(void*), void*, int, void*, ...) noexcept;
#define FD2_CLONE ::__clone
#else
#define FD2_CLONE ::clone
#endif

namespace fd2::process {
namespace {

// The child calls system calls from a few small frames; this is many times what it needs.
constexpr std::size_t stack_size = 64 * 1024;

/// A stack for the child, with a page below that faults: an overflow must not reach our heap.
class guarded_stack {
  public:
    guarded_stack() noexcept : guard_(static_cast<std::size_t>(::sysconf(_SC_PAGESIZE))) {
        base_ = ::mmap(nullptr, guard_ + stack_size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
        if (base_ == MAP_FAILED) {
            sys_errno_ = errno;
        } else if (::mprotect(base_, guard_, PROT_NONE) != 0) {
            sys_errno_ = errno;
        }
    }
    ~guarded_stack() {
        if (base_ != MAP_FAILED) ::munmap(base_, guard_ + stack_size);
    }
    guarded_stack(const guarded_stack&) = delete;
    guarded_stack& operator=(const guarded_stack&) = delete;

    int sys_errno() const noexcept { return sys_errno_; }
    /// Stacks grow down on every platform that this is built for; mappings are aligned enough.
    void* top() const noexcept { return static_cast<char*>(base_) + guard_ + stack_size; }

  private:
    std::size_t guard_;
    void* base_ = MAP_FAILED;
    int sys_errno_ = 0;
};

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
