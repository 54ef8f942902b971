#include "process/exit_as.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "process/kernel_signals.hpp"

namespace fd2::process {

void exit_as(exit_status status) noexcept {
    if (const int signal = status.signal()) {
        // The limit does not bind a core_pattern that is a pipe; being undumpable does. Either may
        // fail without a consequence worth reporting: the other one remains.
        const rlimit no_core{0, 0};
        ::setrlimit(RLIMIT_CORE, &no_core);
        ::prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
        const kernel::action by_default{kernel::by_default, 0, {}};
        kernel::change_action(signal, &by_default, nullptr);
        ::kill(::getpid(), signal);
        // Unblocked last, and in this thread: a pending one strikes before the call returns.
        const std::uint64_t only = signal_set().add(signal).bits();
        kernel::change_mask(SIG_UNBLOCK, &only, nullptr);
    }
    ::_exit(shell_code(status));
}

}  // namespace fd2::process
