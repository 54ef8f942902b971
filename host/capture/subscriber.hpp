// Who receives lines, and the bounded queue between the drain and a reader of lines.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "capture/line_splitter.hpp"

namespace fd2::capture {

/// Receives lines on the drain's thread: bounded time, no exception, no blocking.
class line_consumer {
  public:
    virtual ~line_consumer() = default;

    /// Takes a copy of the line, or refuses it (false: it counts as dropped).
    virtual bool offer(const line_view& line) noexcept = 0;

    /// The lines of one chunk have all been offered. True asks for a pause: the consumer is full
    /// and will have the channel resumed.
    virtual bool chunk_done() noexcept = 0;

    /// No further line will come.
    virtual void ended() noexcept = 0;
};

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
    explicit subscriber(std::size_t capacity = default_capacity);

    /// The oldest line, or nothing. [consumer]
    std::optional<line> poll();

    /// The same into `out`, whose memory is used again. False: none is there. [consumer]
    bool poll(line& out);

    /// As `poll`, but waits for a line, the end, or `deadline`. [consumer]
    std::optional<line> wait(nanoseconds_t deadline);
    bool wait(line& out, nanoseconds_t deadline);

    /// True when no line is left and none will come. [consumer]
    bool finished() const noexcept;

    std::uint64_t sent() const noexcept { return sent_.load(std::memory_order_relaxed); }
    std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }

    bool offer(const line_view& line) noexcept override;
    bool chunk_done() noexcept override;
    void ended() noexcept override;

  private:
    struct record;

    const std::size_t capacity_;
    std::unique_ptr<std::uint8_t[]> ring_;
    // Positions in an endless stream of records; the ring holds [read_, written_).
    // Each side publishes its position now and then and keeps what it saw of the other's: a line
    // must not cost a cache line's way between two processors.
    alignas(64) std::atomic<std::uint64_t> written_{0};
    std::uint64_t writing_ = 0;    // of the producer: includes what chunk_done has not published
    std::uint64_t read_seen_ = 0;  // of the producer: a lower bound of read_
    std::atomic<std::uint64_t> sent_{0};
    std::atomic<std::uint64_t> dropped_{0};
    alignas(64) std::atomic<std::uint64_t> read_{0};
    std::uint64_t reading_ = 0;       // of the consumer: what it has not published yet included
    std::uint64_t written_seen_ = 0;  // of the consumer: a lower bound of written_
    alignas(64) std::atomic<bool> ended_{false};
    std::atomic<bool> waiting_{false};
    std::mutex mutex_;
    std::condition_variable arrived_;
};

}  // namespace fd2::capture
