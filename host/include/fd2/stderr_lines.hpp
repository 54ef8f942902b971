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

namespace fd2 {

/// One line, or a piece of one that is longer than `capture.max-line`.
struct stderr_line {
    std::string text;          ///< without its '\n'
    std::uint64_t number = 0;  ///< within the stream, from 1; pieces of a line share it
    std::chrono::system_clock::time_point time{};  ///< when its last byte came
    bool continued = false;     ///< an earlier piece of the same line came before
    bool continues = false;     ///< a further piece follows
    bool unterminated = false;  ///< the stream ended without a '\n' after it
};

/// Which lines are wanted; empty: all. Called on the thread that reads the child's stderr: it must
/// be quick. A line for which it throws counts as dropped.
using line_filter = std::function<bool(std::string_view text)>;

/// The queue. Delivery is try-send: a line that does not fit is dropped and counted, and the child
/// goes on. sent() were put into the queue, taken since or not; sent() + dropped() + filtered() is
/// all that was produced since the subscription began, so that who only counts need take none.
/// Movable; what was moved from is as if finished. The destructor ends the subscription. [one
/// thread at a time; the counters any thread]
class FD2_API stderr_lines {
  public:
    /// Bytes of text and bookkeeping: some thousands of ordinary lines. At least 4 KiB are taken.
    static constexpr std::size_t default_capacity = 256 * 1024;

    stderr_lines() noexcept;
    stderr_lines(stderr_lines&&) noexcept;
    stderr_lines& operator=(stderr_lines&&) noexcept;
    ~stderr_lines();

    /// The oldest line, or nothing.
    std::optional<stderr_line> poll();
    /// The same into `out`, whose memory is used again. False: none is there.
    bool poll(stderr_line& out);

    /// As `poll`, but waits for a line, the end, or `deadline`.
    std::optional<stderr_line> wait(std::chrono::steady_clock::time_point deadline =
                                        std::chrono::steady_clock::time_point::max());

    /// No line is left and none will come.
    bool finished() const noexcept;

    /// `ready` is called once: when a line or the end comes, on the thread that brings it, which it
    /// must not block; an exception ends the program. False: one is there already, `ready` is not
    /// called. Replaces an earlier one that was not called yet; an empty one takes that back.
    bool notify(std::function<void()> ready);

    std::uint64_t sent() const noexcept;
    std::uint64_t dropped() const noexcept;
    std::uint64_t filtered() const noexcept;  ///< refused by the filter

    /// The number of the first line that may come; 0 before the spawn.
    std::uint64_t first() const noexcept;

  private:
    friend class lines_access;
    explicit stderr_lines(std::shared_ptr<class line_queue> queue) noexcept;
    std::shared_ptr<class line_queue> queue_;
};

}  // namespace fd2
