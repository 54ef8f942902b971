// The options and counters of a forwarder, and its fixed limits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/clock.hpp"
#include "base/flow.hpp"
#include "base/forward_mode.hpp"

namespace fd2::forward {

struct options {
    forward_mode how = forward_mode::raw;
    blocked_policy blocked = blocked_policy::automatic;
    std::size_t buffer = std::size_t{1} << 20;  ///< bytes, of all streams together
    nanoseconds_t stall = 2 * second;           ///< how long without progress until stuck
    std::string prefix = {};                    ///< before each line, mode `lines` only
    /// How long an offering thread that found our stderr full waits itself before it leaves the
    /// rest to the forwarder's thread. Where the offering thread serves one channel only, a moment
    /// of waiting saves a copy and two wake-ups per chunk; a loop with many channels has 0.
    nanoseconds_t patience = 0;
    /// Each note begins on a line of its own: if what goes out before it does not end with a
    /// newline, one is added. Off: what was offered and noted goes out byte for byte.
    bool fresh_notes = false;
};

/// The largest chunk that one `offer` is expected to carry, in bytes: what a default pipe holds,
/// hence the drain's read size. Larger ones work and merely overrun the buffer by more.
inline constexpr std::size_t max_chunk = std::size_t{64} << 10;

/// What a finishing stream may have queued beyond the buffer, in bytes: more than any kernel object
/// we know of holds (TCP loopback, the largest, was measured at 4.2 MB). Beyond it even a finishing
/// stream drops, so that a process that floods the stderr while fd2 lingers costs bounded memory.
inline constexpr std::size_t finish_reserve = std::size_t{8} << 20;

/// What `note` may queue when streams have filled the buffer, in bytes.
inline constexpr std::size_t note_reserve = std::size_t{16} << 10;

/// How long an unfinished line waits for its end in mode `lines`.
inline constexpr nanoseconds_t partial_line_delay = 200 * millisecond;

/// A line longer than this goes out in pieces in mode `lines`, without a second prefix.
inline constexpr std::size_t max_line = std::size_t{64} << 10;

/// A stream's bytes, counted as the child wrote them (not as they are shown). Except in mode `off`
/// `offered == forwarded + dropped + queued` holds at every moment. In `lines` and `lossy` a piece
/// that is written in part counts in proportion and exactly once it has gone out.
struct counters {
    std::uint64_t offered = 0;
    std::uint64_t forwarded = 0;  ///< taken by the object behind our stderr
    std::uint64_t dropped = 0;    ///< will never be written by us
    std::uint64_t queued = 0;     ///< neither yet: in the queue, in a write, or an unfinished line
};

}  // namespace fd2::forward
