// The policy between streams, queue and writer.
//
// One mutex guards everything; it is held for queue operations only. Who writes holds the *turn*
// (`writing_`) and not the mutex, so the order is the queue's: bytes are written past the queue
// only by a thread that found it empty and took the turn in the same breath, and what it could
// not write goes to the front.
//
// The file core.cpp holds what streams and notes do, core_worker.cpp the thread's side.
#pragma once

#include <fd2/observer.hpp>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "forward/byte_queue.hpp"
#include "forward/monitor.hpp"
#include "forward/options.hpp"
#include "forward/stream_state.hpp"
#include "forward/worker.hpp"
#include "forward/writer.hpp"

namespace fd2::forward {

using stream_ptr = std::shared_ptr<stream_state>;

class core {
  public:
    core(int fd, options chosen, observer* watcher);
    ~core() = default;
    core(const core&) = delete;
    core& operator=(const core&) = delete;

    stream_ptr open(std::function<void()> on_room);
    verdict offer(const stream_ptr& s, const std::uint8_t* data, std::size_t size);
    void finishing(const stream_ptr& s);
    bool flush(const stream_ptr& s, nanoseconds_t deadline);
    bool flush_then(const stream_ptr& s, std::function<void()> done);
    void abandon(const stream_ptr& s);
    void detach(const stream_ptr& s);  ///< abandon, and wait for a running `on_room`
    counters look(const stream_ptr& s);

    bool note(std::string_view text);
    bool flush_all(nanoseconds_t deadline);
    int failed();
    std::string_view way() const noexcept { return name_; }
    bool terminal() const noexcept { return terminal_; }

    /// Ends forwarding: what goes out at once goes out, the rest is dropped. Joins the thread.
    void close();

  private:
    using guard = std::unique_lock<std::mutex>;

    // Bytes in (core.cpp). Those that take the guard may release it and take it again.
    void offer_shaped(guard& lock, const stream_ptr& s, const std::uint8_t* data, std::size_t size);
    void expect_end(guard& lock, const stream_ptr& s);
    bool deliver(guard& lock, piece bytes);
    sent write_now(const piece& bytes);
    sent write_patiently(const piece& bytes);
    bool admit(piece bytes, bool front);
    std::size_t allowance(const piece& bytes) const noexcept;
    void give(guard& lock, const stream_ptr& s, bool last);
    verdict answer(const stream_ptr& s);
    void give_up(const stream_ptr& s);
    void drop_outstanding(stream_state& s) noexcept;
    bool ended(const stream_state& s) const noexcept {
        return failed_ != 0 || closed_ || s.abandoned;
    }

    // Bytes out (core_worker.cpp).
    void pump(guard& lock);
    void progress() noexcept;
    void fail(guard& lock, std::string_view operation, int error);
    void report(guard& lock, std::string_view operation, int error);
    void see_to_queue(guard& lock, bool may_wait);
    void write_here(guard& lock);
    bool have_worker(guard& lock);
    void wake_for(nanoseconds_t deadline) noexcept;
    void work();
    bool release_one(guard& lock);
    bool end_one_flush(guard& lock);
    void call(guard& lock, const stream_ptr& s, const std::function<void()>& what);
    nanoseconds_t flush_limit(nanoseconds_t started) const noexcept;
    bool end_one_line(guard& lock);
    bool notice_stall() noexcept;
    nanoseconds_t next_deadline() const noexcept;
    nanoseconds_t stall_deadline() const noexcept;
    void sleep(guard& lock);
    bool low() const noexcept;

    const options options_;
    observer* const watcher_;
    std::unique_ptr<writer> way_;  // null when the descriptor was unusable
    std::string_view name_ = "none";
    bool terminal_ = false;
    bool waits_ = false;  // full as soon as something is queued, for as long as it takes

    std::mutex mutex_;
    monitor changed_;
    byte_queue queue_;
    std::deque<stream_ptr> paused_;       // told `full`, in this order
    std::deque<stream_ptr> due_;          // `on_room` is to be called
    std::vector<stream_ptr> unfinished_;  // streams that keep an unfinished line
    std::vector<stream_ptr> flushing_;    // `on_flushed` is to be called when that is over
    int failed_ = 0;
    bool closed_ = false;
    bool writing_ = false;        // somebody has the turn
    bool blocked_ = false;        // the last write said that the object is full
    bool stalled_ = false;        // stuck for longer than `stall`, somebody waiting
    nanoseconds_t progress_ = 0;  // last progress, or since when something is queued

    enum class thread_state : std::uint8_t { none, running, impossible };
    enum class asleep : std::uint8_t { no, for_wake, for_room };
    worker worker_;
    thread_state thread_ = thread_state::none;
    asleep asleep_ = asleep::no;
    nanoseconds_t sleeps_until_ = never;
    bool stopping_ = false;
    bool broken_ = false;  // poll(2) reported an error instead of room
    unsigned futile_ = 0;  // times in a row that room was reported and none was found
};

}  // namespace fd2::forward
