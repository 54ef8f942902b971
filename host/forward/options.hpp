// What the owner of a forwarder chooses, and what it is told in return.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/clock.hpp"

namespace fd2::forward {

/// How a child's bytes look on our own stderr.
enum class mode : std::uint8_t {
    raw,    ///< byte for byte, each chunk as it came in one write (PIPE_BUF is not regarded)
    lines,  ///< whole lines, each behind the prefix; on a pipe, one of up to PIPE_BUF bytes (prefix
            ///< included) goes out in one write, so that no other writer can cut it
    lossy,  ///< byte for byte, except that invalid UTF-8 becomes U+FFFD
    off,    ///< nothing is written; bytes are counted as offered and as nothing else
};

/// What happens to the child when our own stderr takes no more.
enum class when_blocked : std::uint8_t {
    automatic,  ///< a terminal: wait until `finishing`; else buffer, wait, and drop after `stall`
    wait,       ///< pause as soon as anything is queued, for as long as it takes
    drop,       ///< never pause; what does not fit into the buffer is dropped and counted
};

struct options {
    mode how = mode::raw;
    when_blocked blocked = when_blocked::automatic;
    std::size_t buffer = std::size_t{1} << 20;  ///< bytes, of all streams together
    nanoseconds_t stall = 2 * second;           ///< a reader without progress for so long is stuck
    std::string prefix = {};                    ///< before each line, mode `lines` only
    /// How long an offering thread that found our stderr full waits for room itself before it
    /// leaves the rest to the forwarder's thread. Where the offering thread serves one channel
    /// only, a moment of it saves a copy and two wake-ups a chunk; a loop with many channels has 0.
    nanoseconds_t patience = 0;
    /// A note never stands behind an unfinished line: where what goes out before it does not end
    /// with a newline, one is added. Whoever wants nothing but what was offered and noted, byte for
    /// byte, leaves it off.
    bool fresh_notes = false;
};

/// The largest chunk that one `offer` is expected to carry, in bytes: what a default pipe holds,
/// hence the drain's read size. Larger ones work and merely overrun the buffer by more.
inline constexpr std::size_t max_chunk = std::size_t{64} << 10;

/// What a finishing stream may have queued beyond the buffer, in bytes: more than any kernel
/// object we know of holds (TCP loopback, the largest, was measured at 4.2 MB). Beyond it even a
/// finishing stream drops, so that a holder which floods during the linger costs bounded memory.
inline constexpr std::size_t finish_reserve = std::size_t{8} << 20;

/// What `note` may queue when streams have filled the buffer, in bytes.
inline constexpr std::size_t note_reserve = std::size_t{16} << 10;

/// How long an unfinished line waits for its end in mode `lines`.
inline constexpr nanoseconds_t partial_line_delay = 200 * millisecond;

/// A line longer than this goes out in pieces in mode `lines`, without a second prefix.
inline constexpr std::size_t max_line = std::size_t{64} << 10;

enum class verdict : std::uint8_t {
    room,  ///< go on
    full,  ///< pause, until `on_room` is called
};

/// A stream's bytes, counted as the child wrote them (not as they are shown). Except in mode `off`
/// `offered == forwarded + dropped + queued` holds at every look. In `lines` and `lossy` a piece
/// that is written in part counts in proportion and exactly once it has gone out.
struct counters {
    std::uint64_t offered = 0;
    std::uint64_t forwarded = 0;  ///< taken by the object behind our stderr
    std::uint64_t dropped = 0;    ///< will never be written by us
    std::uint64_t queued = 0;     ///< neither yet: in the queue, in a write, or an unfinished line
};

}  // namespace fd2::forward
