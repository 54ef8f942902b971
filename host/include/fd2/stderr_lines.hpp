// A subscription to the lines of a child's stderr: a bounded queue that never slows the child.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "fd2/api.hpp"
#include "fd2/line_piece.hpp"

namespace fd2 {

/// One line, or a piece of one that is longer than `capture.max-line`.
struct stderr_line {
    std::string text;          ///< without its '\n'
    std::uint64_t number = 0;  ///< within the stream, from 1; pieces of a line share it
    std::chrono::system_clock::time_point time{};  ///< when its last byte arrived
    line_piece piece = line_piece::whole;
    bool unterminated = false;  ///< the stream ended without a '\n' after it
};

/// Which lines are wanted; empty: all. Called on the thread that reads the child's stderr, so it
/// must be quick. A line for which it throws counts as dropped. The library holds no lock during
/// the call: see stderr_lines for what it may do.
using line_filter = std::function<bool(std::string_view text)>;

/// The queue. A line that does not fit is dropped and counted, and the child is not delayed. sent()
/// counts lines put into the queue, taken since or not; sent() + dropped() + filtered() is the
/// number produced since the subscription began, so a program that only counts need not take any.
/// Movable; a moved-from object is finished. The destructor ends the subscription: after it neither
/// the filter nor `ready` is called, and what they own is destroyed, at the latest when the call in
/// progress returns. [one thread at a time; the counters any thread]
///
/// A filter and `ready` may end this subscription or another one, subscribe (from the line after
/// the one being delivered), take lines, take a snapshot, and kill the child. They must not wait
/// for a line or for the child, nor destroy its connection: that would wait for them. On other
/// threads the destructor waits for a call in progress, as that of std::stop_callback does; so do
/// not hold a lock there that the filter needs.
class FD2_API stderr_lines {
  public:
    /// Bytes of text and bookkeeping: some thousands of ordinary lines. The minimum is 4 KiB.
    static constexpr std::size_t default_capacity = 256 * 1024;

    stderr_lines() noexcept;
    stderr_lines(stderr_lines&&) noexcept;
    stderr_lines& operator=(stderr_lines&&) noexcept;
    ~stderr_lines();

    /// The oldest line, or nothing.
    std::optional<stderr_line> poll();
    /// The same into `out`, whose memory is reused. False: there is none.
    bool poll(stderr_line& out);

    /// As `poll`, but waits for a line, the end, or `deadline`.
    std::optional<stderr_line> wait(std::chrono::steady_clock::time_point deadline =
                                        std::chrono::steady_clock::time_point::max());

    /// No line is left and none will come.
    bool finished() const noexcept;

    /// Calls `ready` once, when a line or the end arrives, on the thread that delivers it, which it
    /// must not block; an exception ends the program. False: there is a line or the end already,
    /// and `ready` is not called. Replaces an earlier `ready` that was not called yet; an empty one
    /// cancels it.
    bool notify(std::function<void()> ready);

    std::uint64_t sent() const noexcept;
    std::uint64_t dropped() const noexcept;
    std::uint64_t filtered() const noexcept;  ///< rejected by the filter

    /// The number of the first line that may be delivered; 0 before the spawn.
    std::uint64_t first() const noexcept;

  private:
    friend class lines_access;
    explicit stderr_lines(std::shared_ptr<class line_queue> queue) noexcept;
    std::shared_ptr<class line_queue> queue_;
};

}  // namespace fd2
