// The forwarder's thread, and what waits for it. Private to the room.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>

#include "base/clock.hpp"
#include "base/unique_fd.hpp"
#include "forward/writer.hpp"

namespace fd2::forward {

using guard = std::unique_lock<std::mutex>;

/// A condition variable on the monotonic clock. std::condition_variable's wait on steady_clock goes
/// through pthread_cond_clockwait, which gcc 12's thread sanitizer does not know.
class monitor {
  public:
    monitor() noexcept;
    ~monitor();
    monitor(const monitor&) = delete;
    monitor& operator=(const monitor&) = delete;

    void notify_all() noexcept;

    /// Waits for a notification, at most until `deadline`; may return early for no reason.
    void wait_until(guard& lock, nanoseconds_t deadline) noexcept;

  private:
    alignas(std::max_align_t) unsigned char condition_[64];  // the platform's
};

/// The forwarder's thread and the descriptor (on Windows the event) that wakes it. The forwarder's
/// mutex guards all but the calls themselves.
class worker {
  public:
    worker() noexcept = default;
    ~worker() { join(); }
    worker(const worker&) = delete;
    worker& operator=(const worker&) = delete;

    /// `impossible`: it could not be made, and is not tried again.
    enum class state : std::uint8_t { none, running, impossible };
    state is() const noexcept { return state_; }
    bool is_this_thread() const noexcept;

    /// Starts "fd2-forward" with every signal blocked, running `body(context)`. Returns 0, or the
    /// errno for which there is no thread; then nothing was left behind.
    int start(void (*body)(void*), void* context) noexcept;

    /// Ends a sleep that would last beyond `deadline`; 0: any.
    void wake_for(nanoseconds_t deadline) noexcept {
        if (asleep_ != asleep::no && deadline < sleeps_until_) wake();
    }
    /// Something was queued: ends a sleep, unless it ends anyway once the object can be written.
    void wake_for_work() noexcept {
        if (asleep_ == asleep::until_woken) wake_for(0);
    }
    /// Ends the present sleep or the next.
    void wake() noexcept;

    /// Sleeps without the lock until it is woken, `fd` (unless -1) takes bytes, or `deadline`; what
    /// can be said of `fd`. With `until_writable`, more bytes are no reason to be woken.
    /// [the thread]
    readiness sleep(guard& lock, int fd, bool until_writable, nanoseconds_t deadline) noexcept;

    /// Ends a call that has made itself cancellable, at once or when it comes.
    void cancel() noexcept;
    /// Waits for the thread's end. Idempotent.
    void join() noexcept;

  private:
    enum class asleep : std::uint8_t { no, until_woken, until_writable };

    struct native;

    state state_ = state::none;
    asleep asleep_ = asleep::no;
    bool joinable_ = false;
    nanoseconds_t sleeps_until_ = never;
    unique_fd wake_;
    std::uintptr_t thread_ = 0;  ///< the platform's: pthread_t, HANDLE
    void (*body_)(void*) = nullptr;
    void* context_ = nullptr;
};

}  // namespace fd2::forward
