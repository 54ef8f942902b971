// The bounded queue between whoever logs and the log thread.
//
// Producers hold one short lock and never wait for anything else; the log thread takes whole
// blocks of records at a time.
#pragma once

#include <fd2/observer.hpp>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/clock.hpp"
#include "logging/line_sink.hpp"
#include "logging/log_options.hpp"
#include "logging/record_block.hpp"

namespace fd2::logging {

/// The channel behind one line_sink. Guarded by the queue's lock.
struct line_source {
    std::function<void()> on_room;
    bool paused = false;  ///< `full` was said and `on_room` is owed
    bool finishing = false;
    bool closed = false;        ///< the sink is gone
    bool in_paused = false;     ///< linked in the list of the paused
    bool in_losers = false;     ///< linked in the list of those with losses to report
    std::size_t overshoot = 0;  ///< payload taken beyond the bound since the last room
    std::size_t capacity = 0;
    line_counts counts;
    std::uint64_t unreported = 0;  ///< dropped by the queue since the last report
    std::uint64_t channel = 0;     ///< of the last dropped line
    pid_t pid = 0;
    line_source* next_paused = nullptr;
    line_source* next_loser = nullptr;
};

/// Lines lost by a full queue, of one channel, since the last report.
struct line_loss {
    std::uint64_t lines = 0;
    std::uint64_t channel = 0;
    pid_t pid = 0;
};

class record_queue {
  public:
    struct bounds {
        std::size_t bytes = 0;    ///< of the events, and of the lines
        std::size_t records = 0;  ///< of the events, and of the lines
        std::size_t delivery_bytes = 0;
        when_full policy = when_full::pause;
        bool lines = true;  ///< false: there is no file, every line is dropped
    };
    explicit record_queue(const bounds& limits) noexcept : bounds_(limits) {}
    ~record_queue();
    record_queue(const record_queue&) = delete;
    record_queue& operator=(const record_queue&) = delete;

    // Producers; any thread.
    void push(const event& what) noexcept;
    line_source* add_source(std::function<void()> on_room);
    verdict offer(line_source& source, const line_record& line) noexcept;
    void finishing(line_source& source, std::size_t capacity_bytes) noexcept;
    void close(line_source& source) noexcept;
    line_counts counts(const line_source& source) const noexcept;
    void request_reopen() noexcept;
    bool wait_settled(nanoseconds_t deadline) noexcept;
    std::uint64_t events_offered() const noexcept;
    std::uint64_t events_dropped() const noexcept;
    /// No more records are taken; the consumer gets what is there. From any thread.
    void stop() noexcept;

    // The consumer; the log thread alone.
    struct work {
        std::unique_ptr<record_block> blocks;
        bool reopen = false;
        bool stopped = false;
        std::uint64_t lost_events = 0;  ///< to be reported now
        std::vector<line_loss> lost_lines;
    };
    /// Waits until there is something to do and takes it all. Losses are handed out when the
    /// queue has run empty, so that a lasting flood is reported once and not once a round.
    work take() noexcept;
    /// The block's records are done with: its share of the bounds is free again.
    void release(std::unique_ptr<record_block> block) noexcept;
    /// What became of lines. `settle` may end the life of a source that was closed.
    void settle(line_source& source, std::uint64_t written, std::uint64_t dropped) noexcept;
    /// Tells paused channels that there is room, if there is. Holds no lock during a call.
    void call_paused() noexcept;
    /// Everything that was taken so far has been written or dropped.
    void mark_settled() noexcept;

  private:
    std::byte* reserve(std::size_t size) noexcept;
    bool append_line(line_source& source, const line_record& line, std::int64_t time_us) noexcept;
    bool room() const noexcept;
    void lose(line_source& source, const line_record& line) noexcept;
    void reap(line_source& source) noexcept;
    void wake(std::unique_lock<std::mutex>& lock) noexcept;

    const bounds bounds_;
    mutable std::mutex mutex_;
    std::condition_variable work_;     // the consumer waits here
    std::condition_variable settled_;  // wait_settled waits here
    std::condition_variable called_;   // close() waits here for a running on_room
    bool consumer_waits_ = false;
    bool stopped_ = false;
    bool reopen_ = false;

    std::unique_ptr<record_block> first_;
    record_block* last_ = nullptr;
    std::unique_ptr<record_block> spare_;
    std::optional<std::size_t> run_;  // offset in last_ of the run of lines that may still grow

    std::size_t event_bytes_ = 0;  // held by queued and by taken but unreleased records
    std::size_t event_records_ = 0;
    std::size_t line_bytes_ = 0;
    std::size_t line_records_ = 0;
    std::uint64_t events_offered_ = 0;
    std::uint64_t events_dropped_ = 0;
    std::uint64_t events_unreported_ = 0;

    std::uint64_t changes_ = 0;  // everything that the consumer has to act on, counted
    std::uint64_t taken_ = 0;
    std::uint64_t done_ = 0;

    std::unordered_map<const line_source*, std::unique_ptr<line_source>> sources_;
    line_source* paused_ = nullptr;
    line_source* losers_ = nullptr;
    const line_source* calling_ = nullptr;
    std::thread::id consumer_;
};

}  // namespace fd2::logging
