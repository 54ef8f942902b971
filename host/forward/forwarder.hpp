// Our own stderr: how it is written, and what happens when it blocks.
//
// A forwarder owns the way to one descriptor; each channel opens a stream on it. Bytes go out in
// the order in which they were offered, all streams and notes together. What can be written at
// once is written by the offering thread, straight from its memory; only what the object does not
// take is copied, and one thread (made when the first byte has to wait) writes it later.
//
// Promises
// - No flag of the shared open file description is ever changed, and the descriptor is given to
//   no event loop.
// - An error of the sink (EPIPE, EIO, EBADF, ENOSPC, ...) ends forwarding for good: recorded and
//   reported once; later bytes are dropped and counted, paused streams are released.
// - Signal dispositions are untouched. Whoever calls `offer`, `finishing` or `flush` has SIGPIPE
//   blocked or ignored (`note` sees to that itself); the forwarder's thread blocks every signal.
//   A SIGPIPE that our own write left pending on the calling thread is taken away again.
// - A write to a regular file waits for the disk like anybody's, in the offering thread.
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

class core;
struct stream_state;

/// One channel's way to our stderr. `offer` is called by one thread at a time (the drain's); every
/// other member by any thread. The destructor abandons what is left and waits for an `on_room`
/// that is running (unless it is called from there); afterwards none is called.
class stream {
  public:
    ~stream();
    stream(const stream&) = delete;
    stream& operator=(const stream&) = delete;

    /// Takes all of `data`: written now, queued, or dropped and counted. Does not block (save on a
    /// regular file, and where no thread could be made: then up to `stall`). After `full` the
    /// caller stops offering until `on_room`; bytes offered nevertheless are taken all the same.
    verdict offer(const std::uint8_t* data, std::size_t size) noexcept;

    /// The child has exited: `full` is never returned again, a paused stream is released, waiting
    /// for a terminal ends (from now on the stall limit governs), an unfinished line goes out.
    void finishing() noexcept;

    /// Waits until all bytes of this stream are written, or our stderr made no progress for
    /// `stall`, or `deadline` has passed, or somebody abandons; what is left then is dropped.
    /// An unfinished line or UTF-8 sequence counts as ended. True: every byte ever offered was
    /// delivered. Not to be called from `on_room`.
    bool flush(nanoseconds_t deadline) noexcept;

    /// The same without waiting. True: it is over already. Otherwise `done` is called once it is,
    /// by the forwarder's thread and under the rules of `on_room`. What was lost stands in `look`.
    /// Where no thread could be made it waits after all. At most one at a time.
    bool flush_then(std::function<void()> done) noexcept;

    /// Drops what is queued and all that comes later, wakes `flush`, cancels `on_room`. A piece
    /// that another thread is writing this moment counts as dropped and may still appear.
    void abandon() noexcept;

    counters look() const noexcept;

  private:
    friend class forwarder;
    stream(std::shared_ptr<core> hub, std::shared_ptr<stream_state> state) noexcept;

    std::shared_ptr<core> core_;
    std::shared_ptr<stream_state> state_;
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
    /// Streams that outlive it drop what they are offered. Not to be called from `on_room`.
    ~forwarder();
    forwarder(const forwarder&) = delete;
    forwarder& operator=(const forwarder&) = delete;

    /// A new stream. `on_room` is called once for every `full`, by the forwarder's thread, with no
    /// lock held; it may call into the stream, and must neither block nor throw.
    std::unique_ptr<stream> open(std::function<void()> on_room);

    /// One of our own messages, newline included, in order with the streams and never cut by one;
    /// written in every mode. Never blocks. False: dropped whole (no room, or forwarding ended).
    /// With `fresh_notes` an empty text ends an unfinished line, and is nothing elsewhere.
    bool note(std::string_view text) noexcept;

    /// Waits until the queue is empty, as `stream::flush` does for one stream; drops nothing.
    bool flush(nanoseconds_t deadline) noexcept;

    /// The errno that ended forwarding, 0 while it works.
    int failed() const noexcept;

    /// How the descriptor is written: "socket", "reopened", "splice", "terminal", "plain", or
    /// "none" when it was unusable from the start.
    std::string_view way() const noexcept;

    /// Whether the descriptor is a terminal.
    bool terminal() const noexcept;

  private:
    std::shared_ptr<core> core_;
};

}  // namespace fd2::forward
