// How a chunk gets to our stderr: the mechanism behind forwarder.hpp.
//
// The problem. Our stderr is an object that others control: a terminal on Ctrl-S, a pipe to `less`.
// It may stop taking bytes at any moment, for seconds or for ever. The thread that carries the
// child's bytes must not hang in a write then, and no byte may be lost for which there is still
// room. Handing every chunk to a thread of our own would do, but costs a copy and two wake-ups per
// chunk.
//
// What is done. The thread that brings bytes writes them itself, straight from its own memory, as
// long as nothing is queued; what the object does not take is copied to the front of the queue, and
// the thread (made when that happens first) writes it once poll(2) says that it can. Three streams
// and a pipe with 3000 bytes free:
//
//     A offers 1000   queue empty: A writes 1000 itself                  pipe: 2000 free
//     B offers 4000   queue empty: B writes, 2000 go out                 pipe: full
//                     2000 to the queue's front; the thread is woken     queue: B 2000
//     C offers 500    the queue is not empty: C's go behind              queue: B 2000, C 500
//     the pipe is read: the thread writes B's and C's in one writev      queue: empty
//     A offers 10     queue empty: A writes them itself
//
// Why the order holds. One mutex guards everything, but nobody holds it while writing: a writer
// that is blocked must not stop those who only want to queue. Instead the writer has set `object`
// to `writing`, under the mutex, and everybody else leaves the object alone until that is over.
// Bytes bypass the queue only if a thread finds it empty and sets `object` while it still has the
// mutex, so that nothing older exists; what it could not write goes to the front, so that nothing
// that was queued meanwhile overtakes it.
//
// Backpressure. `offer` takes everything and answers whether the next chunk would still fit into
// the buffer. A stream that is told `pause` is in the list `paused` until the queue is half empty;
// the thread then calls its `resume`. If the reader makes no progress for `stall`, policy
// `automatic` counts it as stuck: the paused streams are resumed, and what the buffer does not hold
// is dropped and counted, until something goes out again.
//
// If the thread cannot be made, the offering thread waits itself, up to `stall` (write_here).
//
// forwarder.cpp holds bytes on their way in, forwarder_thread.cpp those on their way out.
//
// On Windows nothing but a file can be written without perhaps waiting for ever, so there the
// thread does all other writing.
#pragma once

#include <fd2/observer.hpp>

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "forward/byte_queue.hpp"
#include "forward/forwarder.hpp"
#include "forward/shaper.hpp"
#include "forward/worker.hpp"
#include "forward/writer.hpp"

namespace fd2::forward {

/// One stream. The forwarder's mutex guards everything, except `shape` while `feeding` is set: then
/// it belongs to the offering thread.
struct stream_state {
    /// `finishing`: the child has exited, so the stream is paused no more, and has the reserve.
    /// `abandoned`: whatever is offered is dropped.
    enum class phase : std::uint8_t { open, finishing, abandoned };

    std::function<void()> resume;
    phase now_in = phase::open;

    std::uint64_t offered = 0;
    std::uint64_t forwarded = 0;
    std::uint64_t dropped = 0;
    std::uint32_t epoch = 0;  ///< counts how often everything outstanding was dropped

    bool paused = false;         ///< told `pause`, `resume` not yet due: is in `paused`
    bool credit = true;          ///< told `more` while the reader was not stuck
    std::uint64_t reserved = 0;  ///< bytes queued beyond the buffer since `finishing`
    bool called_back = false;    ///< `resume` or `on_flushed` is running

    std::unique_ptr<shaper> shape;   ///< null where bytes go out as they came
    bool feeding = false;            ///< the offering thread uses `shape`, without the lock
    bool lost = false;               ///< output was dropped since the last `feed`
    nanoseconds_t line_due = never;  ///< when an unfinished line goes out: is in `unfinished`

    std::function<void()> on_flushed;  ///< of the flush that does not wait: is in `flushing`
    nanoseconds_t flush_started = 0;

    /// By definition what is neither written nor dropped is queued, so that the sum always holds.
    std::uint64_t outstanding() const noexcept { return offered - forwarded - dropped; }
};

using stream_ptr = std::shared_ptr<stream_state>;

/// What a forwarder and its streams share; it lives as long as the last of them. A function that
/// takes the guard may release it and take it again.
struct forwarder_state {
    forwarder_state(int fd, options chosen, observer* told);
    ~forwarder_state() = default;
    forwarder_state(const forwarder_state&) = delete;
    forwarder_state& operator=(const forwarder_state&) = delete;

    // Bytes in (forwarder.cpp).
    void offer_shaped(guard& lock, const stream_ptr& s, const std::uint8_t* data, std::size_t size);
    void offer_kept(guard& lock, const stream_ptr& s, bool last);
    void expect_end(guard& lock, const stream_ptr& s);
    bool deliver(guard& lock, piece bytes);
    bool admit(piece bytes, bool front);
    std::size_t allowance(const piece& bytes) const noexcept;
    flow answer(const stream_ptr& s);
    void drop_outstanding(stream_state& s) noexcept;
    void abandon(const stream_ptr& s);
    void wait_or_write(guard& lock, nanoseconds_t limit);
    bool ended(const stream_state& s) const noexcept {
        return failed != 0 || now_in == phase::closed || s.now_in == stream_state::phase::abandoned;
    }
    /// What a write should end at: PIPE_BUF on a pipe in mode `lines`, else 0.
    std::size_t atomic_limit() const noexcept {
        return config.how == forward_mode::lines ? out->atomic_limit() : 0;
    }

    // Bytes out (forwarder_thread.cpp).
    void pump(guard& lock);
    void progress() noexcept;
    void fail(guard& lock, std::string_view operation, int error);
    void report(guard& lock, std::string_view operation, int error);
    bool have_thread(guard& lock);
    void see_to_queue(guard& lock, bool may_wait);
    void write_here(guard& lock);
    void close();
    void work();
    void sleep(guard& lock);
    bool release_one(guard& lock);
    bool end_one_line(guard& lock);
    bool end_one_flush(guard& lock);
    bool notice_stall() noexcept;
    void call(guard& lock, const stream_ptr& s, const std::function<void()>& what);
    bool low() const noexcept;
    nanoseconds_t flush_limit(nanoseconds_t started) const noexcept;
    nanoseconds_t stall_deadline() const noexcept;

    const options config;
    observer* const watcher;
    std::unique_ptr<writer> out;  ///< null when the descriptor was unusable
    bool waits = false;           ///< full as soon as something is queued, for as long as it takes

    std::mutex mutex;
    monitor changed;
    byte_queue queue;
    std::deque<stream_ptr> paused;       ///< told `pause`, in this order
    std::deque<stream_ptr> due;          ///< `resume` is to be called
    std::vector<stream_ptr> unfinished;  ///< streams that keep an unfinished line
    std::vector<stream_ptr> flushing;    ///< `on_flushed` is to be called when that is over

    /// `closing`: the thread is to end. `closed`: so has forwarding.
    enum class phase : std::uint8_t { open, closing, closed };
    phase now_in = phase::open;
    int failed = 0;  ///< the errno that ended forwarding

    /// The object behind our stderr. `full`: the last write said so. `writing`: somebody has the
    /// turn, and nobody else writes.
    enum class object_state : std::uint8_t { ready, writing, full };
    object_state object = object_state::ready;
    bool writing() const noexcept { return object == object_state::writing; }

    bool stuck = false;               ///< the reader, for longer than `stall`, somebody waiting
    nanoseconds_t last_progress = 0;  ///< or since when something is queued

    bool broken = false;  ///< poll(2) reported an error, not that the object can be written
    unsigned futile = 0;  ///< times in a row that it was writable by poll(2) and took nothing

    worker thread;
};

}  // namespace fd2::forward
