// One event loop and the thread that runs it.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cstddef>
#include <mutex>
#include <thread>

namespace fd2::tokio_like_async {

/// Something that a loop can be asked, from any thread and without memory, to run soon.
class ringable {
  public:
    /// `rung` is called on the loop's thread, and may end the life of the object.
    explicit ringable(void (*rung)(ringable&) noexcept) : rung_(rung) {}
    ringable(const ringable&) = delete;
    ringable& operator=(const ringable&) = delete;

  protected:
    ~ringable() = default;

  private:
    friend class loop;
    void (*rung_)(ringable&) noexcept;

    // Both under the loop's mutex.
    ringable* next_ = nullptr;
    bool waits_ = false;
    ringable* due_ = nullptr;  // the loop's thread only
};

/// Channels belong to one loop from start to end, so that nothing of a channel runs on two threads.
class loop {
  public:
    /// Makes the loop and its thread, which has all signals blocked. Throws std::system_error where
    /// descriptors, memory or threads are short.
    loop();
    /// Nothing that rings may be left.
    ~loop();
    loop(const loop&) = delete;
    loop& operator=(const loop&) = delete;

    boost::asio::io_context& context() { return context_; }

    /// Has `what` run soon: after what is due now, once however often it was rung. [any thread]
    void ring(ringable& what) noexcept;

    /// Takes back every ring of `what`. [the loop's thread]
    void forget(ringable& what) noexcept;

  private:
    void run() noexcept;
    void answer() noexcept;

    boost::asio::io_context context_{1};
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;

    std::mutex mutex_;
    ringable* first_ = nullptr;

    bool posted_ = false;

    // For the one handler that may be posted: ringing must not fail for want of memory.
    alignas(std::max_align_t) unsigned char room_[128];

    std::thread thread_;
};

}  // namespace fd2::tokio_like_async
