// Starts this program anew, as a worker.
#pragma once

#include <windows.h>

#include <string>
#include <vector>

namespace fd2::conformance {

struct new_process {
    std::string task;                      ///< as worker_task is serialized: ASCII
    HANDLE output = INVALID_HANDLE_VALUE;  ///< stdout; INVALID_HANDLE_VALUE: NUL
    HANDLE error = INVALID_HANDLE_VALUE;   ///< stderr, likewise
    HANDLE beside = INVALID_HANDLE_VALUE;  ///< another one that it inherits, if any
    std::wstring directory;                ///< to begin in; empty: ours
    HANDLE job = nullptr;                  ///< that it belongs to from its start, if any
};

/// A handle of the process, which inherits what is named and nothing else; its stdin is NUL. Null
/// where that fails: then GetLastError says why.
HANDLE start_process(const new_process& wanted);

}  // namespace fd2::conformance
