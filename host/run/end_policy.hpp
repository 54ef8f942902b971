// When to stop reading the stderr of a child that has exited: the rules, without any waiting.
#pragma once

#include <algorithm>

#include "base/clock.hpp"

namespace fd2::runs {

/// How long to go on reading after the child's exit while another process still holds its stderr.
/// The child's own bytes need no such time: the backend's mark covers them all.
struct end_policy {
    nanoseconds_t linger = 25 * millisecond;  ///< of silence
    nanoseconds_t linger_max = 1 * second;    ///< in all
    bool follow = false;  ///< after that: read on to EOF, instead of finishing the channel
};

/// The moment at which a channel that has not reached EOF is finished. It moves while bytes come:
/// ask again at that moment. `last_byte` 0: none came yet. Time spent paused counts as silence.
constexpr nanoseconds_t linger_until(const end_policy& policy, nanoseconds_t exited,
                                     nanoseconds_t last_byte) noexcept {
    const nanoseconds_t silent = after(std::max(exited, last_byte), policy.linger);
    return std::min(silent, after(exited, policy.linger_max));
}

}  // namespace fd2::runs
