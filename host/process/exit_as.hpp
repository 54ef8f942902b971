// Ends this process as its child ended.
#pragma once

#include <fd2/exit_status.hpp>

namespace fd2::process {

/// Leaves at once, without exit handlers or destructors: everything that must be written has been.
/// The process that waits for us sees what it would have seen of the child: the same code, or death
/// by the same signal, signals 32 and 33 included. No core is dumped, and the child's core bit is
/// not reproduced. Where the signal cannot end us (pid 1 of a namespace), and for `lost`, the code
/// is shell_code(status).
/// [any thread; async-signal-safe]
[[noreturn]] void exit_as(exit_status status) noexcept;

}  // namespace fd2::process
