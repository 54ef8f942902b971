// How to end a child.
#pragma once

#include <chrono>
#include <cstdint>

namespace fd2 {

enum class stop : std::uint8_t {
    noop,       ///< skip this step
    wait,       ///< let it end by itself; its wire is closed if nothing owns that any more
    terminate,  ///< SIGTERM; on Windows nothing asks a process to end, and this is `wait`
    kill,       ///< SIGKILL; TerminateProcess
};

/// One step, and how long to wait for the child's end before the next one: `milliseconds::max()` is
/// for ever, and so is 0 for a kill, because even that takes the kernel a moment. After `wait` and
/// `terminate` with 0 the next step follows at once, so give them a time.
struct stop_action {
    stop action = stop::noop;
    std::chrono::milliseconds timeout{};
};

/// Up to three steps, until the child has ended. The zero value stands for the default:
/// { { wait, 100 ms }, { kill } } in the sync transport, { { kill } } in the async one.
struct stop_actions {
    stop_action first{};
    stop_action second{};
    stop_action third{};
};

}  // namespace fd2
