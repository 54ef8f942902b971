// The lines of many channels: 80 bytes that begin with the moment at which they were written
// (CLOCK_MONOTONIC, nanoseconds, 20 digits). And what the two processes say to each other.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fd2::bench {

inline constexpr std::size_t line_size = 80;
inline constexpr std::size_t stamp_digits = 20;

/// So many descriptors at most travel in one message.
inline constexpr std::size_t rights_batch = 100;

/// To `many_writer`: every channel gets `rounds` lines, one each `interval`, the channels one after
/// the other within it. Beside descriptors: rounds is 0.
struct order_to_write {
    std::int64_t rounds;
    std::int64_t interval;  // nanoseconds
};

/// Its answer, to descriptors too.
struct written {
    std::int64_t lines;
    std::int64_t nanoseconds;  // from the first to the last
};

}  // namespace fd2::bench
