// The forwarder's thread and the descriptor that wakes it.
#pragma once

#include <pthread.h>

#include "base/clock.hpp"
#include "base/unique_fd.hpp"

namespace fd2::forward {

class worker {
  public:
    worker() noexcept = default;
    ~worker() { join(); }
    worker(const worker&) = delete;
    worker& operator=(const worker&) = delete;

    /// Starts "fd2-forward" with every signal blocked, running `body(context)`. Returns 0, or the
    /// errno for which there is no thread; then nothing was left behind.
    int start(void (*body)(void*), void* context) noexcept;

    bool running() const noexcept { return running_; }
    bool is_this_thread() const noexcept {
        return running_ && ::pthread_equal(thread_, ::pthread_self()) != 0;
    }

    /// Ends a `wait`, the present one or the next. [any thread]
    void wake() noexcept;

    /// Waits for `wake`, for `fd` (unless -1) to take bytes, or for `deadline`; what poll(2) says
    /// of `fd`. [the thread itself]
    short wait(int fd, nanoseconds_t deadline) noexcept;

    /// Ends a call that has made itself cancellable, at once or when it comes.
    void cancel() noexcept;

    /// Waits for the thread's end. Idempotent.
    void join() noexcept;

  private:
    unique_fd wake_;
    pthread_t thread_{};
    bool running_ = false;
    void (*body_)(void*) = nullptr;
    void* context_ = nullptr;

    static void* main(void* self);
};

}  // namespace fd2::forward
