// Runs code that may crash or hang without harm to this process.
#pragma once

#include <functional>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace fd2::process {

/// Forks, runs `work` in the child and returns what it returned, or why there is no answer:
///   INTERNAL   "crashed (SIGSEGV)", "ended with status 3 before it answered"
///   TIMEDOUT   "did not answer within 10 s"; the child has been killed
/// or the failed system call. The messages name no object: the caller knows what was tried.
///
/// In the child 0, 1 and 2 are /dev/null, no core is dumped, and neither exit handlers nor
/// destructors of this process's objects run. It is in a process group of its own, which is killed
/// before this returns, so that nothing of `work` stays behind; it also goes when this process
/// does. An answer may be `largest_answer` bytes long. The child needs no descriptor of ours beyond
/// those that are open.
/// [for programs with one thread, as take_default_sigchld, which it calls]
result<std::string> run_isolated(const std::function<std::string()>& work, nanoseconds_t limit);

inline constexpr std::size_t largest_answer = 1024 * 1024;

}  // namespace fd2::process
