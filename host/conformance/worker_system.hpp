// What a check's process asks of the system.
#pragma once

#include <string>

namespace fd2::conformance {

/// The first thing that a worker does: it goes when the process that waits for it does, and is what
/// a host is to a plugin.
void begin_worker();

/// The file that takes everything.
extern const char* const null_file;

/// Runs this program as a worker for `task`, and waits: the exit code, 1000 + the signal's number,
/// or -1 where it could not be started.
int run_task(const std::string& task);

}  // namespace fd2::conformance
