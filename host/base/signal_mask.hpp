// Signals blocked for a scope, in the calling thread.
#pragma once

#include <pthread.h>
#include <signal.h>
#include <time.h>

namespace fd2 {

/// Blocks signals for its own life. The C library's own signals (32 and 33, by which pthread_cancel
/// works) stay open; process/kernel_signals.hpp blocks those too, which a new child needs.
class signals_blocked {
  public:
    /// All of them: while a thread is made, which inherits the mask and so never gets a signal.
    signals_blocked() noexcept {
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    /// This one, in addition to those that are blocked already.
    explicit signals_blocked(int signal) noexcept {
        sigset_t only;
        ::sigemptyset(&only);
        ::sigaddset(&only, signal);
        ::pthread_sigmask(SIG_BLOCK, &only, &before_);
    }
    ~signals_blocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    signals_blocked(const signals_blocked&) = delete;
    signals_blocked& operator=(const signals_blocked&) = delete;

  private:
    sigset_t before_;
};

/// For a thread that writes where a reader may be gone; no disposition is changed.
class sigpipe_blocked : signals_blocked {
  public:
    sigpipe_blocked() noexcept : signals_blocked(SIGPIPE) {}
};

/// Takes away a signal (SIGPIPE, SIGXFSZ) that is pending because a write just failed, if the
/// calling thread blocks it. Otherwise the thread would die of it when it unblocks the signal, long
/// after the write.
inline void swallow_signal(int signal) noexcept {
    sigset_t blocked;
    if (::pthread_sigmask(SIG_SETMASK, nullptr, &blocked) != 0) return;
    if (::sigismember(&blocked, signal) != 1) return;
    sigset_t only;
    ::sigemptyset(&only);
    ::sigaddset(&only, signal);
    const timespec at_once{};
    ::sigtimedwait(&only, nullptr, &at_once);  // EAGAIN: none was pending
}

}  // namespace fd2
