// SIGPIPE, kept from the threads that write for us without a change of any disposition.
#pragma once

#include <pthread.h>
#include <signal.h>
#include <time.h>

namespace fd2::forward {

/// Takes away a SIGPIPE that is pending because a write just failed, if the calling thread blocks
/// it: otherwise a thread that unblocks it later would die of a write long gone.
inline void swallow_sigpipe() noexcept {
    sigset_t blocked;
    if (::pthread_sigmask(SIG_SETMASK, nullptr, &blocked) != 0) return;
    if (::sigismember(&blocked, SIGPIPE) != 1) return;
    sigset_t only;
    ::sigemptyset(&only);
    ::sigaddset(&only, SIGPIPE);
    const timespec at_once{};
    ::sigtimedwait(&only, nullptr, &at_once);  // EAGAIN: none was pending
}

/// Blocks SIGPIPE in the calling thread for its own life.
class sigpipe_blocked {
  public:
    sigpipe_blocked() noexcept {
        sigset_t only;
        ::sigemptyset(&only);
        ::sigaddset(&only, SIGPIPE);
        ::pthread_sigmask(SIG_BLOCK, &only, &before_);
    }
    ~sigpipe_blocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    sigpipe_blocked(const sigpipe_blocked&) = delete;
    sigpipe_blocked& operator=(const sigpipe_blocked&) = delete;

  private:
    sigset_t before_;
};

}  // namespace fd2::forward
