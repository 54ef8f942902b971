// System calls as the kernel sees them: each that a thread makes is shown to a check before it is
// made, whoever makes it and however: no symbol has to be replaced in a plugin for that.
#pragma once

#include <linux/seccomp.h>
#include <sys/types.h>

#include <functional>
#include <string_view>
#include <vector>

namespace fd2::conformance {

/// Runs `body` in a thread of its own. Each system call in `numbers` of that thread, and of the
/// threads and processes that it starts, is held up until `look`, which is told the thread's id,
/// has returned. It runs in another thread, one call at a time, in this process: it may read what
/// the arguments of a thread of this process point to. Threads that `body` starts must have ended
/// when it returns. False: seccomp cannot do this here, and `body` did not run.
bool watch_calls(const std::vector<long>& numbers,
                 const std::function<void(const seccomp_data&, pid_t)>& look,
                 const std::function<void()>& body);

/// The same, and what `decide` returns is the errno with which the call fails without being made;
/// 0: it is made.
bool decide_calls(const std::vector<long>& numbers,
                  const std::function<int(const seccomp_data&, pid_t)>& decide,
                  const std::function<void()>& body);

/// The calls that make something in the file system.
const std::vector<long>& calls_that_make_files();

/// The path of what such a call makes; empty: it makes nothing that has one. For a look at a call,
/// in whose thread's memory it is. Allocates nothing.
std::string_view path_made_by(const seccomp_data& call) noexcept;

}  // namespace fd2::conformance
