// What runs between clone and exec, in the child, on memory that it shares with its parent; and the
// exec itself, which a process may also do in its own place. Private to spawn.cpp.
#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace fd2::process {

enum class child_step : int { none, signals, descriptors, directory, parent_death, execute };

/// Everything that the child needs, made ready by the parent; and the child's report. The parent's
/// thread is suspended while the child uses it, so no field needs to be atomic.
struct child_plan {
    char* const* candidates;  ///< files to execute, in order, ended by null
    char* const* argv;
    char* const* environment;
    /// argv for a file that is no program: "/bin/sh", a slot for the file, argv[1] and so on.
    char** shell_argv;
    const char* working_directory;  ///< or null
    std::array<int, 3> standard;    ///< sources of 0, 1, 2; -1: leave it
    std::uint64_t blocked;
    std::uint64_t ignored;
    int parent_death_signal;
    pid_t parent;

    // The report. Untouched when the program runs.
    child_step failed = child_step::none;
    int sys_errno = 0;
    std::size_t candidate = 0;  ///< the one that the errno belongs to
};

/// Runs in the child with every signal blocked; returns only by exec or _exit. Calls nothing but
/// system calls, changes nothing in memory but the report, one slot of shell_argv and errno.
int child_main(void* plan) noexcept;

/// Executes the first candidate that can be, as execvp does; returns, with the report filled in, if
/// none can. Calls nothing but system calls.
void execute_first(child_plan& plan) noexcept;

}  // namespace fd2::process
