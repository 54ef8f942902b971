// One event loop and the thread that runs it.
#pragma once

#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <memory>
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
    /// Makes the thread, and waits until it listens.
    void start_thread();
    void run() noexcept;
    void answer() noexcept;
    void sound_once() noexcept;

    // The platform's: the bell that wakes the loop, and how its thread begins.
    struct system;
    void check();
    void begin_thread() noexcept;
    /// The next sound calls `answer`. [the loop's thread]
    void listen() noexcept;
    /// At most once between two calls of `silence`. [any thread]
    void sound() noexcept;
    void silence() noexcept;

    boost::asio::io_context context_{1};
    std::shared_ptr<system> system_;  // shared: its deleter knows it

    std::mutex mutex_;
    ringable* first_ = nullptr;
    bool sounded_ = false;
    bool stopping_ = false;
    // Not a std::latch: on Windows that of GCC 12 may not notice that it was counted down.
    bool listens_ = false;
    std::condition_variable listening_;

    std::thread thread_;
};

}  // namespace fd2::tokio_like_async
