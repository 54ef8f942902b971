// How a child's lines reach the log file: one sink a channel, bounded, never blocking.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

namespace fd2::logging {

class record_queue;
struct line_source;

/// One line of a child's stderr, or a piece of a long one, without its newline: `text` followed
/// by `rest`, any bytes. The views live for the call only.
struct line_record {
    std::string_view text;
    std::string_view rest = {};     ///< what came later of a line that was held back in between
    std::uint64_t channel = 0;      ///< the channel's number within the host
    std::string_view backend = {};  ///< the id of the backend that carries it now
    pid_t pid = 0;                  ///< the child, 0 while unknown
    std::uint64_t seq = 0;          ///< the line's number within its channel; pieces share it
    std::int64_t time_ns = 0;       ///< CLOCK_REALTIME in nanoseconds; 0: when it is offered
    bool partial = false;           ///< the last line, which had no newline
    bool continued = false;         ///< an earlier piece of the same line came before
};

/// What the giver does next. `full`: stop reading until `on_room` is called.
enum class verdict : std::uint8_t { room, full };

/// At every moment offered == written + dropped + queued.
struct line_counts {
    std::uint64_t offered = 0;
    std::uint64_t written = 0;  ///< accepted whole by the log file
    std::uint64_t dropped = 0;  ///< refused by a full queue, or lost to the file's failure
    std::uint64_t queued = 0;
};

/// The lines of one channel on their way to the log file. Made by log_service::open_lines.
///
/// Threads: `offer` and `finishing` from one thread at a time, `counts` from any; `on_room` runs on
/// the log thread with no lock held. The destructor waits for an `on_room` that is running, unless
/// it is called from within it; what was offered before is still written. A sink may outlive its
/// service: from then on every line counts as dropped and the verdict is `room`.
class line_sink {
  public:
    line_sink(const line_sink&) = delete;
    line_sink& operator=(const line_sink&) = delete;
    ~line_sink();

    /// Takes a copy of one line. Never blocks, never throws.
    ///
    /// With when_full::pause the verdict is `full` from the first line beyond the queue's bound
    /// on; that line and the rest of the delivery it came with (log_options::delivery_bytes) are
    /// still taken, so a giver that heeds the verdict loses nothing. One `on_room` answers each
    /// pause. With when_full::drop the verdict is always `room` and lines beyond the bound are
    /// dropped.
    verdict offer(const line_record& line) noexcept;

    /// The child has exited and its kernel object is being emptied: from now on the verdict is
    /// `room`, and the queue takes up to `capacity_bytes` (the object's capacity) more than its
    /// bound from this sink. A pending pause is over without `on_room`.
    void finishing(std::size_t capacity_bytes) noexcept;

    line_counts counts() const noexcept;

  private:
    friend class log_service;
    line_sink(std::shared_ptr<record_queue> queue, line_source* source) noexcept
        : queue_(std::move(queue)), source_(source) {}

    std::shared_ptr<record_queue> queue_;
    line_source* source_;  // owned by the queue until this sink is gone and its lines are settled
};

}  // namespace fd2::logging
