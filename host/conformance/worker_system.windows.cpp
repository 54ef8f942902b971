#include "conformance/worker_system.hpp"
#include "base/winsock.windows.hpp"
#include "conformance/spawn.windows.hpp"

namespace fd2::conformance {

const char* const null_file = "NUL";

/// The job that it is in ends it with its parent.
void begin_worker() {
    // A crash is to be seen as one by whoever waits, and by nobody else.
    (void)SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX | SEM_NOOPENFILEERRORBOX);
    (void)start_winsock();
}

int run_task(const std::string& task) {
    new_process wanted;
    wanted.task = task;
    wanted.output = GetStdHandle(STD_OUTPUT_HANDLE);
    wanted.error = GetStdHandle(STD_ERROR_HANDLE);
    const HANDLE process = start_process(wanted);
    if (process == nullptr) return -1;
    DWORD code = 0;
    (void)WaitForSingleObject(process, INFINITE);
    (void)GetExitCodeProcess(process, &code);
    (void)CloseHandle(process);
    return static_cast<int>(code);
}

}  // namespace fd2::conformance
