// What the kernel says of this process.
#pragma once

#include <cstddef>
#include <cstdint>

namespace fd2::bench {

/// Bytes of memory that are this process's alone and written to: heap, stacks, all of it.
std::size_t private_memory();

/// Threads beside the calling one.
std::size_t other_threads();

/// How often the others have gone to sleep so far, all together.
std::uint64_t sleeps_of_others();

/// CPU time of all threads so far, in nanoseconds.
std::int64_t cpu_time();

}  // namespace fd2::bench
