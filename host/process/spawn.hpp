// Starts a child.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "process/child.hpp"
#include "process/inheritance.hpp"

namespace fd2::process {

/// SIGKILL, for parent_death_signal; there is no other where there are no signals.
inline constexpr int killed = 9;

/// The signal that asks a process to end, SIGTERM; 0 on Windows, where nothing does.
extern const int asked_to_end;

/// What to start. The zero value of every member but `argv` is its default.
struct spawn_spec {
    /// The child's arguments, argv[0] included; not empty.
    std::vector<std::string> argv;

    /// What to execute, if that is not argv[0]. Without a slash it is searched for in PATH of
    /// *this* process, by the rules of execvp: a candidate that may not be executed is passed over
    /// and remembered, a file that is no program is run by /bin/sh.
    std::string program;

    /// "NAME=value" each; none: this process's own environment.
    std::optional<std::vector<std::string>> environment;
    /// Search PATH of `environment` instead.
    bool search_environment = false;

    /// Where the child starts; empty: here. Relative candidates are looked for from there.
    std::string working_directory;

    /// The child's 0, 1 and 2: any open descriptors of this process, in any order, close-on-exec
    /// or not (0 to 2 included); -1: the one of that number as it is. They stay the caller's.
    int standard_input = -1;
    int standard_output = -1;
    int standard_error = -1;

    /// The mask and the ignored signals that the child gets; every other disposition is default.
    /// None: the calling thread's mask and what is ignored at this moment. A wrapper passes what
    /// it captured at its own start.
    std::optional<inherited_state> signals;

    /// The signal that the child gets when the *thread* that spawned it ends; 0: none. Lost when
    /// the child executes a set-id program or changes its credentials. If this process dies before
    /// the arrangement stands, the child does not start. On Windows: whatever the signal, a job
    /// ends the child, but not its own children, when this *process* ends.
    int parent_death_signal = 0;
};

/// Why a spawn failed, for a wrapper that must exit in place of the command. The values are the
/// exit codes that shells and env(1) use.
enum class spawn_refusal : int {
    own_failure = 125,     ///< the system or the specification; the command was not tried
    not_executable = 126,  ///< it is there, but cannot be executed
    not_found = 127,       ///< it is not there
};

/// Starts a child and returns once it executes the program, or says why it does not. Memory is
/// shared with the child until then (the calling thread waits, the others go on): nothing is
/// copied, whatever the size of this process, and a failed exec is reported through that memory,
/// so that no descriptor is needed. Of this process's descriptors the child has those that are not
/// close-on-exec, and its 0, 1 and 2.
///
/// With no descriptor left the child runs all the same, without a pidfd (see child::pidfd). A
/// failure leaves no child, no zombie and no SIGCHLD behind; only then `refusal`, if given, means
/// something. Throws std::bad_alloc only before there is a child, or after it has been collected.
/// [any thread; not from a signal handler]
result<child> spawn(const spawn_spec& spec, spawn_refusal* refusal = nullptr);

/// Executes `spec.program`, or `spec.argv[0]`, in place of this process, with its environment,
/// descriptors, mask and ignored signals as they are; what else `spec` says does not count. Finds
/// the file, and says why there is none, as spawn() does. Returns only on a failure.
/// [any thread; the others end with the exec]
failure execute(const spawn_spec& spec, spawn_refusal* refusal = nullptr);

}  // namespace fd2::process
