// How fd2 ends when the C++ run-time gives up: with a message, and with the command's status.
#pragma once

#include <fd2/exit_status.hpp>

namespace fd2::cli {

/// From now on std::terminate, in any thread, ends this process as the command ended, with a line
/// on stderr if that can be written without waiting. A failed allocation leads there if it cannot
/// be reported: in a destructor, in the log's thread. [once, when the command has ended]
///
/// Until then an allocation that fails where nothing can catch it, before `main` among others, ends
/// this process with a line and 125. Any other std::terminate is a bug of ours, and aborts.
void set_status_for_terminate(exit_status status) noexcept;

}  // namespace fd2::cli
