// What the core knows of one stream. Everything is guarded by the core's mutex, except `shape`
// while `shaping` is set: then it belongs to the offering thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/clock.hpp"
#include "forward/shaper.hpp"

namespace fd2::forward {

struct stream_state {
    std::function<void()> on_room;
    std::function<void()> on_flushed;  ///< of the `flush` that does not wait, once it is over
    nanoseconds_t flush_started = 0;
    std::unique_ptr<shaper> shape;  ///< null where bytes go out as they came

    std::uint64_t offered = 0;
    std::uint64_t forwarded = 0;
    std::uint64_t dropped = 0;
    std::uint64_t beyond = 0;        ///< bytes queued beyond the buffer since `finishing`
    nanoseconds_t line_due = never;  ///< when an unfinished line goes out
    std::uint32_t epoch = 0;         ///< counts how often everything outstanding was dropped
    bool paused = false;             ///< told `full`, `on_room` not yet due
    bool calling = false;            ///< `on_room` or `on_flushed` is running
    bool finishing = false;
    bool abandoned = false;
    bool shaping = false;
    bool lost = false;      ///< output was dropped since the last `feed`
    bool trusted = true;    ///< was told `room` while the reader was not stuck
    bool has_line = false;  ///< is in the core's list of unfinished lines

    /// By definition what is neither written nor dropped is queued, so that the sum always holds.
    std::uint64_t outstanding() const noexcept { return offered - forwarded - dropped; }
};

}  // namespace fd2::forward
