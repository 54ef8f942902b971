// Makes the child process. Private to spawn.cpp.
#pragma once

#include <sys/types.h>

#include "process/child_side.hpp"

namespace fd2::process {

struct cloned {
    pid_t pid;      ///< -1: failed
    int pidfd;      ///< -1: none
    int sys_errno;  ///< of the failed clone
};

/// Runs child_main(plan) in a new process that shares our memory, on a stack of its own, with every
/// signal blocked; returns when it has executed a program or ended. Where the kernel gives no pidfd
/// with the child, the child comes without one. [any thread]
cloned clone_child(child_plan& plan) noexcept;

}  // namespace fd2::process
