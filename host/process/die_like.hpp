// Ends this process as its child ended.
#pragma once

#include <fd2/exit_status.hpp>

namespace fd2::process {

/// Leaves at once and without running exit handlers or destructors: everything that must be
/// written has been. Whoever waits for us sees what it would have seen of the child itself: the
/// same code, or death by the same signal, signals 32 and 33 included. Never with a core of our
/// own; the core bit of the child is not reproduced. Where the signal cannot end us (pid 1 of a
/// namespace), and for `lost`, the code is shell_code(status).
/// [any thread; async-signal-safe]
[[noreturn]] void die_like(exit_status status) noexcept;

}  // namespace fd2::process
