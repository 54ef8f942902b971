// Kinds of failure: the code decides what happens next.
#pragma once

#include <cstdint>
#include <string_view>

#include "fd2/api.hpp"

namespace fd2 {

/// The codes of the backend contract (same numbers as FD2_E_* in <fd2/abi.h>), also used for the
/// host's own failures, so that one table decides when to fall back.
enum class errc : std::int32_t {
    ok = 0,
    unsupported = 1,     ///< kernel, platform or medium cannot do it
    resource = 2,        ///< descriptors, memory, threads, ports: may work later
    denied = 3,          ///< EPERM, EACCES, seccomp, trust
    timedout = 4,        ///< a deadline passed
    config = 5,          ///< the operator's configuration is wrong; the message names the key
    invalid = 6,         ///< a wrong argument: a bug in the caller
    state = 7,           ///< not allowed in this state: a bug in the caller
    would_deadlock = 8,  ///< not allowed on this thread
    internal = 9,        ///< a bug, or an errno that is none of these (ENOENT, ESRCH)
};

/// "unsupported", "resource", ...: the spelling used in messages, JSON and logs.
FD2_API std::string_view name_of(errc code) noexcept;

}  // namespace fd2
