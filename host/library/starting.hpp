// A child with a wire.
#pragma once

#include <fd2/ssh_command.hpp>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "process/child.hpp"

namespace fd2 {

struct started {
    process::child child;
    unique_fd in;   ///< writes to its stdin
    unique_fd out;  ///< reads from its stdout
};

/// Starts `command`, which was checked, with pipes for its stdin and stdout; -1: it inherits our
/// stderr. Pipes and not sockets: a bash whose stdin is a socket takes itself for one that rshd
/// started and reads ~/.bashrc.
result<started> start(const ssh_command& command, int standard_error);

}  // namespace fd2
