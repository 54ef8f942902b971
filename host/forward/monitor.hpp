// A condition variable on the monotonic clock. std::condition_variable's wait on steady_clock goes
// through pthread_cond_clockwait, which gcc 12's thread sanitizer does not know.
#pragma once

#include <pthread.h>
#include <time.h>

#include <mutex>

#include "base/clock.hpp"

namespace fd2::forward {

class monitor {
  public:
    monitor() noexcept {
        pthread_condattr_t attributes;
        ::pthread_condattr_init(&attributes);
        ::pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        ::pthread_cond_init(&condition_, &attributes);
        ::pthread_condattr_destroy(&attributes);
    }
    ~monitor() { ::pthread_cond_destroy(&condition_); }
    monitor(const monitor&) = delete;
    monitor& operator=(const monitor&) = delete;

    void notify_all() noexcept { ::pthread_cond_broadcast(&condition_); }

    /// Waits for a notification, at most until `deadline`; may return early for no reason.
    void wait_until(std::unique_lock<std::mutex>& lock, nanoseconds_t deadline) noexcept {
        if (deadline == never) {
            ::pthread_cond_wait(&condition_, lock.mutex()->native_handle());
            return;
        }
        timespec until{};
        until.tv_sec = static_cast<time_t>(deadline / second);
        until.tv_nsec = static_cast<long>(deadline % second);
        ::pthread_cond_timedwait(&condition_, lock.mutex()->native_handle(), &until);
    }

  private:
    pthread_cond_t condition_;
};

}  // namespace fd2::forward
