// The bounded queue between the drain and a reader of lines.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "capture/line_consumer.hpp"
#include "capture/line_ring.hpp"

namespace fd2::capture {

/// One line as a subscriber gets it.
struct line {
    std::string text;
    std::uint64_t number = 0;
    std::int64_t time = 0;
    bool continued = false;
    bool continues = false;
    bool unterminated = false;
};

/// A bounded queue of lines: one producer (the drain), one consumer. Delivery is try-send: a line
/// that does not fit is dropped and counted, and the drain goes on. sent() + dropped() is the
/// number of lines and pieces produced since it was made.
class subscriber final : public line_consumer {
  public:
    /// The default holds some thousands of ordinary lines.
    static constexpr std::size_t default_capacity = 256 * 1024;

    /// `capacity` in bytes of text and bookkeeping; at least 4 KiB.
    explicit subscriber(std::size_t capacity = default_capacity) : ring_(capacity) {}

    /// The oldest line, or nothing. [consumer]
    std::optional<line> poll();

    /// The same into `out`, whose memory is used again. False: none is there. [consumer]
    bool poll(line& out);

    /// The same without a copy: `out.text` is valid until the next poll or wait, and its room in
    /// the queue is taken until then. [consumer]
    bool poll(lent_line& out) noexcept { return ring_.get(out); }

    /// As `poll`, but waits for a line, the end, or `deadline`. [consumer]
    std::optional<line> wait(nanoseconds_t deadline);
    bool wait(line& out, nanoseconds_t deadline);
    bool wait(lent_line& out, nanoseconds_t deadline) {
        if (poll(out)) return true;
        sleep_until(deadline);
        return poll(out);
    }

    /// `ready` is called once, by the thread that brings a line or the end; it must neither block
    /// nor throw, nor call back into the capture. False: one is there already, and `ready` is not
    /// called. Replaces an earlier one; an empty one takes that back. [consumer]
    bool when_arrived(std::function<void()> ready);

    /// True when no line is left and none will come. [consumer]
    bool finished() const noexcept;

    std::uint64_t sent() const noexcept { return sent_.load(std::memory_order_relaxed); }
    std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }

    bool offer(const line_view& line) noexcept override;
    std::uint64_t offer_block(const line_block& block) noexcept override;
    bool chunk_done() noexcept override;
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
