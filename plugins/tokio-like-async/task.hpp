// The coroutine that drives one channel on a loop. Include from the source file that holds the kit,
// after the `watcher` of its platform.
#pragma once

#include <boost/asio/basic_waitable_timer.hpp>
#include <chrono>
#include <coroutine>
#include <exception>
#include <memory>
#include <system_error>

#include "fd2/plugin.hpp"
#include "loop.hpp"

namespace fd2::tokio_like_async {

/// Bytes that a channel may deliver in one turn while others wait for theirs.
constexpr std::uint32_t turn_budget = 64 * 1024;

/// A channel that cannot be waited for is looked at again after this time.
constexpr std::int64_t look_again_after = 10'000'000;  // ns

/// A coroutine that its own end destroys. Its promise holds what the task waits with; the frame of
/// a channel that idles is all the memory that it costs here, beside Asio's for the descriptor.
class task {
  public:
    class promise_type;
    using handle = std::coroutine_handle<promise_type>;

    explicit task(handle frame) : handle_(frame) {}
    promise_type& operator*() const { return handle_.promise(); }
    void destroy() const { handle_.destroy(); }

  private:
    handle handle_;
};

class task::promise_type final : public ringable {
  public:
    /// Watches nothing yet.
    promise_type(loop& home, fd2_channel*)
        : ringable([](ringable& self) noexcept { static_cast<promise_type&>(self).resume(); }),
          loop_(home),
          watcher_(home.context()) {}

    task get_return_object() { return task(handle::from_promise(*this)); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() noexcept {}
    [[noreturn]] void unhandled_exception() noexcept { std::terminate(); }

    /// Suspends the task until the object is ready (if armed), the timer fires (if set), or it
    /// is rung.
    std::suspend_always something() noexcept { return {}; }

    /// The next readiness resumes the task. Throws where there is no memory for it, or the loop
    /// cannot watch the object.
    void arm(const fd2_drain_spec& spec) {
        watch(spec);
        if (armed_) return;
        if (deaf_) throw std::bad_alloc();
        watcher_.wait([this](bool failed) {
            deaf_ = failed;
            armed_ = false;
            --pending_;
            resume();
        });
        armed_ = true;
        ++pending_;
    }

    /// Registers the object with the loop.
    void watch(const fd2_drain_spec& spec) { watcher_.watch(spec); }

    /// Takes the object out of the loop; it stays open. Left in, each write to it would wake the
    /// loop, whether anybody waits or not.
    void unwatch() noexcept { watcher_.unwatch(); }

    /// That moment resumes the task. In the place of an earlier one.
    void set_timer(std::int64_t deadline) {
        if (!timer_) timer_ = std::make_unique<timer>(loop_.context());
        timer_->expires_at(
            std::chrono::steady_clock::time_point(std::chrono::nanoseconds(deadline)));
        timer_->async_wait([this](const boost::system::error_code&) {
            --pending_;
            resume();
        });
        ++pending_;
    }

    /// The task is resumed a little later; at once where not even a timer can be had.
    void look_again() noexcept {
        try {
            set_timer(fd2_drain_clock() + look_again_after);
        } catch (...) {
            loop_.ring(*this);
        }
    }

    /// Ends every wait. Complete once `idle`.
    void disarm() noexcept {
        unwatch();
        timer_.reset();
    }
    bool idle() const noexcept { return pending_ == 0; }

    loop& home() const noexcept { return loop_; }

  private:
    // By its own executor, without a type-erased one: a channel's share of memory is mostly this.
    using executor = boost::asio::io_context::executor_type;
    using timer = boost::asio::basic_waitable_timer<
        std::chrono::steady_clock, boost::asio::wait_traits<std::chrono::steady_clock>, executor>;

    void resume() noexcept { handle::from_promise(*this).resume(); }

    loop& loop_;
    watcher watcher_;
    std::unique_ptr<timer> timer_;  // most channels never nap
    unsigned pending_ = 0;
    bool armed_ = false;
    bool deaf_ = false;  // the loop took the object, but does not hear of it
};

/// The promise of the coroutine that awaits this.
struct own_promise {
    task::promise_type* found = nullptr;
    bool await_ready() const noexcept { return false; }
    bool await_suspend(task::handle awaiting) noexcept {
        found = &awaiting.promise();
        return false;
    }
    task::promise_type& await_resume() const noexcept { return *found; }
};

/// A loop with the table by which the kit rings it.
class channel_loop final : public loop {
  public:
    const fd2_drain_loop& face() const noexcept { return face_; }

  private:
    static void ring_task(void* task_pointer) noexcept {
        auto& self = *static_cast<task::promise_type*>(task_pointer);
        self.home().ring(self);
    }
    const fd2_drain_loop face_{ring_task};
};

/// Drives the channel from its start until it ended or was let go. Each resumption is a turn.
inline task drive(loop& home, fd2_channel* channel) {
    task::promise_type& self = co_await own_promise{};
    for (;; co_await self.something()) {
        std::int64_t deadline = -1;
        const std::int32_t answer = fd2_drain_step(channel, turn_budget, &deadline);
        try {
            if (answer == FD2_READY_AGAIN) home.ring(self);
            if (answer == FD2_READY_WAIT) self.arm(channel->spec);
            if (answer == FD2_READY_LATER || answer == FD2_READY_PAUSED) self.unwatch();
            if (deadline >= 0) self.set_timer(deadline);
        } catch (...) {
            // No memory to wait with, or no more objects that the loop takes. A turn is allowed at
            // any time, so the channel lives on, at the price of a look now and then.
            self.look_again();
        }
        if (answer != FD2_READY_ENDED && answer != FD2_DRAIN_LET_GO) continue;

        self.disarm();
        while (!self.idle()) co_await self.something();
        if (answer == FD2_READY_ENDED || fd2_drain_let_go(channel) != 0) break;
        home.ring(self);  // it was finished in the meantime
    }
    home.forget(self);
    fd2_drain_detach(channel);
}

}  // namespace fd2::tokio_like_async
