// Our own stderr: how it is written, and what happens when it blocks.
//
// A forwarder does all writing to one descriptor; each channel opens a stream on it. Bytes go out
// in the order in which they were offered, all streams and notes together. What can be written at
// once is written by the offering thread, straight from its memory; only what the object does not
// take is copied, and one thread (made when the first byte has to wait) writes it later.
//
// Promises
// - No flag of the shared open file description is ever changed, and the descriptor is given to
//   no event loop.
// - An error of our stderr (EPIPE, EIO, EBADF, ENOSPC, ...) ends forwarding for good: recorded and
//   reported once; later bytes are dropped and counted, paused streams are released.
// - Signal dispositions are untouched. Whoever calls `offer`, `finishing` or `flush` has SIGPIPE
//   blocked or ignored (`note` sees to that itself); the forwarder's thread blocks every signal.
//   A SIGPIPE that our own write left pending on the calling thread is taken away again.
// - A write to a regular file waits for the disk, as any other program's does, in the offering
//   thread.
//
// forwarder_state.hpp explains how that is done.
#pragma once

#include <fd2/observer.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "base/clock.hpp"
#include "forward/options.hpp"

namespace fd2::forward {

struct forwarder_state;
struct stream_state;

/// One channel's way to our stderr. `offer` is called by one thread at a time (the drain's); every
/// other member by any thread. The destructor abandons what is left and waits for a `resume` that
/// is running (unless it is called from there); afterwards none is called.
class stream {
  public:
    ~stream();
    stream(const stream&) = delete;
    stream& operator=(const stream&) = delete;

    /// Takes all of `data`: written now, queued, or dropped and counted. Does not block (except on
    /// a regular file, and where no thread could be made: then up to `stall`). After `pause` the
    /// caller stops offering until `resume`; bytes that are offered nevertheless are still taken.
    flow offer(const std::uint8_t* data, std::size_t size) noexcept;

    /// The child has exited: `pause` is never returned again, a paused stream is released, waiting
    /// for a terminal ends (from now on the stall limit governs), an unfinished line goes out.
    void finishing() noexcept;

    /// Waits until all bytes of this stream are written, or our stderr made no progress for
    /// `stall`, or `deadline` has passed, or `abandon` is called; what is left then is dropped.
    /// An unfinished line or UTF-8 sequence counts as ended. True: every byte ever offered was
    /// delivered (or forwarding is off). Not to be called from `resume`.
    bool flush(nanoseconds_t deadline) noexcept;

    /// The same without waiting. True: it is over already. Otherwise `done` is called once it is,
    /// by the forwarder's thread and under the rules of `resume`. `counts` has what was lost.
    /// Where no thread could be made it waits after all. At most one at a time.
    bool flush_then(std::function<void()> done) noexcept;

    /// Drops what is queued and all that comes later, wakes `flush`, cancels `resume`. A piece
    /// that another thread is writing this moment counts as dropped and may still appear.
    void abandon() noexcept;

    counters counts() const noexcept;

  private:
    friend class forwarder;
    stream(std::shared_ptr<forwarder_state> parent, std::function<void()> resume);

    const std::shared_ptr<forwarder_state> parent_;
    const std::shared_ptr<stream_state> state_;
};

/// One for each host and descriptor. [any thread]
class forwarder {
  public:
    /// Decides how `fd` is written: one fstat and, for a pipe, FIFO or terminal, one open. Never
    /// fails: with an unusable descriptor forwarding has ended with that errno, unreported. `fd`
    /// is not owned and stays open, with the same object behind it, for the forwarder's life.
    /// `watcher` outlives the forwarder and its streams.
    explicit forwarder(int fd, options chosen, observer* watcher = nullptr);

    /// Writes what can be written without waiting, drops and counts the rest, joins the thread.
    /// Streams that outlive it drop what they are offered. Not to be called from `resume`.
    ~forwarder();
    forwarder(const forwarder&) = delete;
    forwarder& operator=(const forwarder&) = delete;

    /// A new stream. `resume` is called once for every `pause`, by the forwarder's thread, with no
    /// lock held; it may call into the stream, and must neither block nor throw.
    std::unique_ptr<stream> open(std::function<void()> resume);

    /// One of our own messages, newline included, in order with the streams and never cut by one;
    /// written in every mode. Never blocks. False: dropped whole (it does not fit, or forwarding
    /// ended). With `fresh_notes` an empty text ends an unfinished line; otherwise it does nothing.
    bool note(std::string_view text) noexcept;

    /// Waits until the queue is empty, as `stream::flush` does for one stream; drops nothing.
    bool flush(nanoseconds_t deadline) noexcept;

    /// The errno that ended forwarding, 0 while it works.
    int failed() const noexcept;

    /// How the descriptor is written: "socket", "reopened", "splice", "terminal", "plain", "pipe",
    /// or "none" when it was unusable from the start.
    std::string_view writer_name() const noexcept;

  private:
    const std::shared_ptr<forwarder_state> state_;  // the streams' too: they may outlive us
};

}  // namespace fd2::forward
