// What went wrong: a code that decides what happens next, the errno, and words for a person.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace fd2 {

/// The codes of the backend contract (same numbers as FD2_E_* in <fd2/abi.h>); the host uses them
/// for its own failures too, so that one table decides the fallback.
enum class errc : std::int32_t {
    ok = 0,
    unsupported = 1,     ///< kernel, platform or medium cannot do it
    resource = 2,        ///< descriptors, memory, threads, ports: may work later
    denied = 3,          ///< EPERM, EACCES, seccomp, trust
    timedout = 4,        ///< a deadline passed
    config = 5,          ///< the operator's configuration is wrong; the message names the key
    invalid = 6,         ///< a wrong argument: a bug in the caller
    state = 7,           ///< a call that the state forbids: a bug in the caller
    would_deadlock = 8,  ///< a call that the calling thread must not make
    internal = 9,        ///< the callee broke its own promises
};

/// "unsupported", "resource", ...: the spelling used in trails, JSON and logs.
std::string_view name_of(errc code) noexcept;

/// An errno's symbolic name ("EMFILE"), or "errno 4711" for one without a name.
std::string errno_name(int sys_errno);

/// One failure. `message` is a full clause of the form "operation: object: reason", without a
/// trailing full stop or newline.
struct failure {
    errc code = errc::internal;
    int sys_errno = 0;
    std::string message;
};

/// The code that an errno stands for, by the table in docs/abi.md (EMFILE is `resource`, ...);
/// `internal` for one that no table entry names.
errc classify(int sys_errno) noexcept;

/// A failed system call: "OPERATION: OBJECT: Too many open files (EMFILE)", classified.
/// `object` may be empty.
failure system_failure(std::string_view operation, std::string_view object, int sys_errno);

}  // namespace fd2
