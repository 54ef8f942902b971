// The bounded queue between the threads that log and the log thread.
//
// Not one of Boost.Log's asynchronous sinks: their bounded queues count records, up to a number
// fixed at compile time, and not bytes; a full one either blocks the caller, which would be a
// drain, or drops without counting; and nothing tells the caller when it may go on.
#pragma once

#include <fd2/observer.hpp>

#include <sys/types.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/flow.hpp"
#include "base/line_view.hpp"

namespace fd2::logging {

/// Whose lines they are. The pid is known when the spawn returns, but the child may have written
/// lines before that: the log thread waits for the pid before it formats the first line.
struct line_origin {
    std::uint64_t channel = 0;

    /// The backend's id, which a hand-over changes. [any thread]
    void moved_to(std::string_view backend) noexcept {
        const std::lock_guard lock(mutex_);
        backend_.fill('\0');
        backend.copy(backend_.data(), backend_.size() - 1);
    }
    /// Ends in a 0. Allocates nothing: it is asked for each line.
    using id = std::array<char, 33>;  // the contract allows 32 characters
    id backend() const noexcept {
        const std::lock_guard lock(mutex_);
        return backend_;
    }

    /// Called once: a pid, or -1 if the spawn made no process.
    void spawned(pid_t number) noexcept {
        pid_.store(number, std::memory_order_relaxed);
        pid_.notify_all();
    }
    pid_t pid() const noexcept {
        pid_.wait(0, std::memory_order_relaxed);
        return std::max<pid_t>(pid_.load(std::memory_order_relaxed), 0);
    }

  private:
    std::atomic<pid_t> pid_{0};
    mutable std::mutex mutex_;
    id backend_{};
};

/// What became of lines; `offered - written - dropped` are in the queue.
struct line_counts {
    std::uint64_t offered = 0;
    std::uint64_t written = 0;  ///< accepted whole by the log file
    std::uint64_t dropped = 0;  ///< refused by a full queue, or lost to the file's failure
};

/// What an event's message is: text, or the JSON of a record of its own.
enum class kind : std::uint8_t {
    event,
    run,    ///< the report of a run that has ended
    audit,  ///< a change of what runs: a swap, a reload
};

/// A record as it comes out of the queue; its views point into the block.
struct record {
    bool is_line = false;
    kind what = kind::event;  ///< of `said`
    line_view line;         ///< if it is one: the text is `head`, and a piece is whole or the first
    event said;             ///< otherwise
    std::int64_t time = 0;  ///< of `said`: CLOCK_REALTIME in nanoseconds
};

/// Events and lines have separate bounds of `limits::bytes` each, so that a child that writes much
/// cannot crowd out fd2's own warnings.
///
/// Producers hold one short lock and wait for nothing else: events come from any thread, lines from
/// one at a time. Nothing throws: a record for which there is no memory is a counted loss. The
/// queue may outlive its log: what is offered then is dropped and counted.
class queue {
  public:
    struct limits {
        std::size_t bytes = 0;  ///< of the events, and of the lines
        /// Payload that a delivery can still bring after `pause` was answered.
        std::size_t delivery = 0;
        bool pause = true;  ///< a full queue pauses who gives the lines; otherwise it drops
        bool lines = true;  ///< false: there is no file, and every line is dropped
    };
    /// Records, one after another, and how much of the bounds they use.
    struct block {
        std::string bytes;
        std::size_t events = 0;  ///< in bytes
        std::size_t lines = 0;
    };
    using blocks = std::list<block>;  // moved about by splicing, which needs no memory
    struct work {
        blocks records;
        std::uint64_t lost_events = 0;  ///< to be reported now
        std::uint64_t lost_lines = 0;
        bool stopped = false;
    };

    explicit queue(const limits& bounds) noexcept : limits_(bounds) {}
    queue(const queue&) = delete;
    queue& operator=(const queue&) = delete;

    // Producers.
    void push(const event& what, kind of = kind::event) noexcept;

    /// Before the first line. `resume` is called on the log thread, with no lock held, when a
    /// paused giver may go on; it must not block.
    void open_lines(std::function<void()> resume) noexcept { resume_ = std::move(resume); }
    void set_origin(std::shared_ptr<line_origin> whose) noexcept { origin_ = std::move(whose); }

    /// Takes a copy of one line. If the queue pauses, the answer is `pause` from the first line
    /// beyond the bound on; that line and the rest of the delivery it came with are still taken, so
    /// a giver that heeds the answer loses nothing, and one `resume` answers each pause.
    flow offer(const line_view& line) noexcept;

    /// The child has exited and its kernel object is being emptied: from now on the answer is
    /// `more`, and the queue takes up to `capacity` (the object's) beyond its bound. A pause is
    /// over without `resume`.
    void finishing(std::size_t capacity) noexcept;

    line_counts counts() const noexcept;
    std::uint64_t dropped() const noexcept;  ///< events and lines, by a full queue

    /// Waits until all that was queued before the call was written or dropped. False: `deadline`
    /// came first.
    bool wait_settled(nanoseconds_t deadline) noexcept;

    /// Takes no more; the log thread gets what is there.
    void stop() noexcept;

    // The log thread.

    /// Waits until there is something to do and takes it all. Losses are returned when the queue
    /// has become empty, so that a long flood is reported once and not once per round.
    work take() noexcept;
    /// The next record of a block, at `at`. `out` is that of the call before.
    static bool next(const block& records, std::size_t& at, record& out) noexcept;
    const line_origin* origin() const noexcept { return origin_.get(); }
    /// The first block has been handled: its share of the bounds is free again.
    void release(blocks& handled) noexcept;
    void settle(std::uint64_t written, std::uint64_t dropped) noexcept;
    void call_paused() noexcept;
    /// All that was taken so far has been written or dropped.
    void mark_settled() noexcept;

  private:
    block& block_for(std::size_t size);
    void append_line(const line_view& line, bool follows, std::size_t size);
    void wake(std::unique_lock<std::mutex>& lock) noexcept;

    const limits limits_;
    std::function<void()> resume_;
    std::shared_ptr<line_origin> origin_;

    mutable std::mutex mutex_;
    std::condition_variable work_;
    std::condition_variable settled_;
    bool stopped_ = false;
    bool paused_ = false;  // `pause` was answered and `resume` is owed
    bool finishing_ = false;
    std::size_t capacity_ = 0;   // of the object that is being emptied
    std::size_t overshoot_ = 0;  // payload taken beyond the bound since the last resume

    blocks blocks_;
    blocks spare_;                 // at most one
    line_view last_;               // the last line of the last block; its views are not used
    bool may_follow_ = false;      // there is one
    std::size_t event_bytes_ = 0;  // of what is queued, and taken but not released
    std::size_t line_bytes_ = 0;
    line_counts counts_;
    std::uint64_t dropped_ = 0;
    std::uint64_t events_unreported_ = 0;
    std::uint64_t lines_unreported_ = 0;
    std::uint64_t changes_ = 0;  // all that the log thread has to act on, counted
    std::uint64_t taken_ = 0;
    std::uint64_t done_ = 0;
};

}  // namespace fd2::logging
