// The bounded queue between the drain and a reader of lines.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <utility>

#include "base/clock.hpp"
#include "capture/line_ring.hpp"
#include "capture/lines.hpp"

namespace fd2::capture {

/// A bounded queue of lines: one producer (the drain), one consumer. Delivery is try-send: a line
/// that does not fit is dropped and counted, and the drain goes on. sent() + dropped() is the
/// number of lines and pieces produced since it was made.
class subscriber final : public line_consumer {
  public:
    /// The default holds some thousands of ordinary lines.
    static constexpr std::size_t default_capacity = 256 * 1024;

    /// `capacity` in bytes of text and bookkeeping; at least 4 KiB.
    explicit subscriber(std::size_t capacity = default_capacity) : ring_(capacity) {}

    /// The oldest line, or nothing. All of it is in `rest`, which is valid, and takes space in the
    /// queue, until the next poll or wait. [consumer]
    std::optional<line_view> poll() noexcept {
        std::optional<line_view> out(std::in_place);
        if (!ring_.get(*out)) out.reset();
        return out;
    }

    /// As `poll`, but waits for a line, the end, or `deadline`. [consumer]
    std::optional<line_view> wait(nanoseconds_t deadline) {
        if (auto out = poll()) return out;
        sleep_until(deadline);
        return poll();
    }

    /// The oldest lines, all that came together, lent as by `poll`; their number (`count`) is not
    /// filled in. [consumer]
    std::optional<lent_lines> poll_all() noexcept { return ring_.get_all(); }

    /// As `poll_all`, but waits for a line, the end, or `deadline`. [consumer]
    std::optional<lent_lines> wait_all(nanoseconds_t deadline) {
        if (auto out = poll_all()) return out;
        sleep_until(deadline);
        return poll_all();
    }

    /// `ready` is called once, by the thread that brings a line or the end; it must neither block
    /// nor throw. False: one is there already, and `ready` is not called. Replaces an earlier one;
    /// an empty one cancels it. [consumer]
    bool when_arrived(std::function<void()> ready);

    /// True when no line is left and none will come. [consumer]
    bool finished() const noexcept;

    std::uint64_t sent() const noexcept { return sent_.load(std::memory_order_relaxed); }
    std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }

    bool try_take(const line_view& line) noexcept override;
    std::uint64_t take_block(const line_block& block) noexcept override;
    flow chunk_done() noexcept override;
    void ended() noexcept override;

  private:
    void sleep_until(nanoseconds_t deadline);
    void wake();

    line_ring ring_;
    alignas(64) std::atomic<std::uint64_t> sent_{0};
    std::atomic<std::uint64_t> dropped_{0};
    alignas(64) std::atomic<bool> ended_{false};
    std::atomic<bool> waiting_{false};  // the consumer is about to sleep, and nobody has woken it
    std::mutex mutex_;
    std::condition_variable arrived_;
    std::function<void()> ready_;
};

}  // namespace fd2::capture
