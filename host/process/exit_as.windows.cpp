#include "process/exit_as.hpp"

#include <windows.h>

namespace fd2::process {

void exit_as(exit_status status) noexcept {
    // Not ExitProcess: that runs what loaded libraries have for their end, among threads that it
    // has just stopped anywhere.
    ::TerminateProcess(::GetCurrentProcess(), static_cast<UINT>(shell_code(status)));
    ::ExitProcess(static_cast<UINT>(shell_code(status)));
}

}  // namespace fd2::process
