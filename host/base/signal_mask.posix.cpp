#include "base/signal_mask.hpp"

#include <pthread.h>
#include <signal.h>
#include <time.h>

#include <new>

namespace fd2 {

signals_blocked::signals_blocked() noexcept {
    static_assert(sizeof(sigset_t) <= sizeof(before_));
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, new (before_) sigset_t);
}

signals_blocked::signals_blocked(int signal) noexcept {
    sigset_t only;
    ::sigemptyset(&only);
    ::sigaddset(&only, signal);
    ::pthread_sigmask(SIG_BLOCK, &only, new (before_) sigset_t);
}

signals_blocked::~signals_blocked() {
    ::pthread_sigmask(SIG_SETMASK, std::launder(reinterpret_cast<const sigset_t*>(before_)),
                      nullptr);
}

sigpipe_blocked::sigpipe_blocked() noexcept : it_(SIGPIPE) {}

void swallow_signal(int signal) noexcept {
    sigset_t blocked;
    if (::pthread_sigmask(SIG_SETMASK, nullptr, &blocked) != 0) return;
    if (::sigismember(&blocked, signal) != 1) return;
    sigset_t only;
    ::sigemptyset(&only);
    ::sigaddset(&only, signal);
    const timespec at_once{};
    ::sigtimedwait(&only, nullptr, &at_once);  // EAGAIN: none was pending
}

void swallow_sigpipe() noexcept {
    swallow_signal(SIGPIPE);
}

}  // namespace fd2
