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

/// One line, or a piece of one, that a queue lends; otherwise as stderr_line.
struct stderr_line_view {
    std::string_view text;
    std::uint64_t number = 0;
    std::chrono::system_clock::time_point time{};
    line_piece piece = line_piece::whole;
    bool unterminated = false;
};

/// Lines that a queue lends, which came together: a range of stderr_line_view. Nothing is copied,
/// and no line costs more than the search for its end. They are valid, and take space in the queue,
/// until the next call that takes lines from it, or its end. Example:
///
///     while (auto block = lines.wait_block()) {
///         for (const fd2::stderr_line_view& line : block) count(line.text);
///     }
class stderr_block {
  public:
    class iterator {
      public:
        using value_type = stderr_line_view;
        using difference_type = std::ptrdiff_t;

        iterator() noexcept = default;
        const stderr_line_view& operator*() const noexcept { return line_; }
        const stderr_line_view* operator->() const noexcept { return &line_; }
        iterator& operator++() noexcept {
            at_line_ = !left_.empty();
            ++line_.number;
            if (at_line_) take();
            return *this;
        }
        iterator operator++(int) noexcept {
            iterator before = *this;
            ++*this;
            return before;
        }
        /// Both of the same block.
        bool operator==(const iterator& other) const noexcept {
            return at_line_ == other.at_line_ && left_.size() == other.left_.size();
        }

      private:
        friend class stderr_block;
        iterator(const stderr_line_view& first, std::string_view text) noexcept
            : line_(first), left_(text), at_line_(true) {
            take();
        }
        void take() noexcept {
            const std::size_t size = left_.find('\n');  // a line that came alone has none
            line_.text = left_.substr(0, size);
            left_.remove_prefix(size == left_.npos ? left_.size() : size + 1);
        }

        stderr_line_view line_;
        std::string_view left_;  // behind it
        bool at_line_ = false;   // not behind the last one
    };

    /// No line.
    stderr_block() noexcept = default;

    iterator begin() const noexcept { return empty_ ? end() : iterator(first_, text_); }
    iterator end() const noexcept { return {}; }
    bool empty() const noexcept { return empty_; }
    explicit operator bool() const noexcept { return !empty_; }

  private:
    friend class lines_access;
    stderr_block(const stderr_line_view& first, std::string_view text) noexcept
        : first_(first), text_(text), empty_(false) {}

    stderr_line_view first_;  // without its text
    std::string_view text_;   // whole lines, each with its '\n'; or one that came alone, without
    bool empty_ = true;
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

    /// The oldest lines, as many as came together; empty: there is none. Lent, see stderr_block.
    stderr_block poll_block();

    /// As `poll_block`, but waits for a line, the end, or `deadline`.
    stderr_block wait_block(std::chrono::steady_clock::time_point deadline =
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
