// Who receives lines.
#pragma once

#include <cstdint>

#include "capture/line_view.hpp"

namespace fd2::capture {

/// Receives lines on the drain's thread: bounded time, no exception, no blocking.
class line_consumer {
  public:
    virtual ~line_consumer() = default;

    /// Takes a copy of the line, or refuses it (false: it counts as dropped).
    virtual bool offer(const line_view& line) noexcept = 0;

    /// Takes a copy of many lines at once; returns how many of them it refused. As it stands here
    /// it offers each line by itself.
    virtual std::uint64_t offer_block(const line_block& block) noexcept;

    /// The lines of one chunk have all been offered. True asks for a pause: the consumer is full
    /// and will have the channel resumed.
    virtual bool chunk_done() noexcept = 0;

    /// No further line will come.
    virtual void ended() noexcept = 0;
};

}  // namespace fd2::capture
