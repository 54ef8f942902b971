// What a child on a program's event loop waits for, and what it is told.
#pragma once

#include <chrono>

namespace fd2 {

/// What the loop must do until the next step. Descriptors are watched for reading, level-triggered
/// or re-armed for each step. They stay the child's: once one is no longer named (-1), stop
/// watching it *before* the next step, which closes it or hands it to another backend. A later step
/// may name it again, or another descriptor.
struct loop_wants {
    int stderr_fd = -1;
    bool watch_stderr = false;  ///< false: do not watch it for now
    int exit_fd = -1;           ///< to be watched, unless -1
    std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
    bool soon = false;  ///< step again as soon as others have had their turn
    bool over = false;  ///< nothing is left to do
};

/// What happened since the last step, as bits. For a ring of the bell pass `nothing`.
enum loop_event : unsigned {
    nothing = 0,
    stderr_ready = 1,
    exit_ready = 2,
    /// The loop has waited until `deadline`. Optional, because a step also checks the clock; needed
    /// if the clock stands still (libfaketime).
    deadline_passed = 4,
};

}  // namespace fd2
