// A capture's lines on their way to one client.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "capture/capture.hpp"

namespace fd2::control {

/// A copy of a line, or of a piece of one.
struct kept_line {
    std::uint64_t number = 0;
    std::string text;
    bool more = false;     ///< the next one goes on with the same line
    bool partial = false;  ///< the stream ended without a newline after it
};

/// Keeps up to a bounded number of bytes for a client; what comes while it is full is lost for that
/// client alone, and counted. The drain never waits for it.
class tail_feed final : public capture::line_consumer {
  public:
    /// `ring` is called on the drain's thread when there is something to take; it must not block.
    explicit tail_feed(std::function<void()> ring) : ring_(std::move(ring)) {}

    struct taken {
        std::vector<kept_line> lines;
        std::uint64_t lost = 0;
        bool ended = false;
    };
    /// What has come since; the lines of about `bytes` bytes at most. [any thread]
    taken take(std::size_t bytes);

    bool try_take(const line_view& line) noexcept override;
    flow chunk_done() noexcept override { return flow::more; }
    void ended() noexcept override;

  private:
    void ring_once() noexcept;

    const std::function<void()> ring_;
    std::mutex mutex_;
    std::deque<kept_line> lines_;
    std::size_t bytes_ = 0;
    std::uint64_t lost_ = 0;
    bool ended_ = false;
    bool rung_ = false;
};

/// The newest `count` whole lines of a capture, and those before `end` only if it is not 0.
std::vector<kept_line> newest_lines(const capture::capture& record, std::size_t count,
                                    std::uint64_t end);

}  // namespace fd2::control
