// One event loop and the thread that runs it.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <cstddef>
#include <latch>
#include <mutex>
#include <thread>

namespace fd2::tokio_like_async {

/// Something that a loop can be asked to run soon: from any thread, and without allocating.
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
    void check();
    void run(std::latch& ready) noexcept;
    void listen() noexcept;
    void answer() noexcept;
    void sound() const noexcept;
    void silence() const noexcept;
    int bell_number() const noexcept {
        return const_cast<descriptor&>(bell_).native_handle();  // Asio has no const one
    }

    using descriptor =
        boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type>;

    // For the one handler that always waits, so that ringing cannot fail for lack of memory.
    alignas(std::max_align_t) unsigned char handler_memory_[256];

    boost::asio::io_context context_{1};

    // An eventfd, in place of Asio's own way to wake a loop, which does not report whether it
    // works.
    descriptor bell_;
    std::atomic<bool> stopping_{false};

    std::mutex mutex_;
    ringable* first_ = nullptr;
    bool sounded_ = false;

    std::thread thread_;
};

}  // namespace fd2::tokio_like_async
