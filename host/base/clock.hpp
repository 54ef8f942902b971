// Time as fd2 counts it: absolute, CLOCK_MONOTONIC (on Windows QueryPerformanceCounter), in
// nanoseconds. A deadline is a point on this clock, so it survives retries (EINTR) and can be
// passed down without arithmetic.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>

namespace fd2 {

/// Nanoseconds on CLOCK_MONOTONIC; also a length of time where a name says so.
using nanoseconds_t = std::int64_t;

inline constexpr nanoseconds_t nanosecond = 1;
inline constexpr nanoseconds_t microsecond = 1'000;
inline constexpr nanoseconds_t millisecond = 1'000'000;
inline constexpr nanoseconds_t second = 1'000'000'000;

/// A deadline that never comes.
inline constexpr nanoseconds_t never = std::numeric_limits<nanoseconds_t>::max();

/// The present on the monotonic clock. [any thread; async-signal-safe]
inline nanoseconds_t now() noexcept {
    // The standard library's steady clock is exactly that one, on every platform that we know.
    return std::chrono::nanoseconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// The time of day, in nanoseconds since 1970. Only for people and records: it may jump.
inline std::int64_t wall_clock() noexcept {
    return std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// `start + length`, saturating at `never`.
constexpr nanoseconds_t after(nanoseconds_t start, nanoseconds_t length) noexcept {
    return length >= never - start ? never : start + length;
}

/// A point of the standard library's clock, which is CLOCK_MONOTONIC; its latest one is `never`.
inline nanoseconds_t deadline_of(std::chrono::steady_clock::time_point when) noexcept {
    if (when == std::chrono::steady_clock::time_point::max()) return never;
    return std::chrono::duration_cast<std::chrono::nanoseconds>(when.time_since_epoch()).count();
}

/// The inverse of deadline_of.
inline std::chrono::steady_clock::time_point time_point_of(nanoseconds_t deadline) noexcept {
    if (deadline == never) return std::chrono::steady_clock::time_point::max();
    return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(deadline));
}

/// What is left until `deadline` as poll(2) wants it: milliseconds rounded up, 0 when it has
/// passed, -1 for `never`.
constexpr int poll_timeout(nanoseconds_t deadline, nanoseconds_t present) noexcept {
    if (deadline == never) return -1;
    if (deadline <= present) return 0;
    const nanoseconds_t ms = (deadline - present + millisecond - 1) / millisecond;
    return ms > std::numeric_limits<int>::max() ? std::numeric_limits<int>::max()
                                                : static_cast<int>(ms);
}

}  // namespace fd2
