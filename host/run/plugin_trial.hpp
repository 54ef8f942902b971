// Trials of plugins (channel/trial.hpp) by executing fd2-conform, which isolates what it tries. Not
// by a fork: the process may have threads, and what would run in its copy is a stranger's code.
#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "channel/trial.hpp"

namespace fd2::runs {

/// A trial by the first of `programs` that is there; without one, and where it cannot be executed,
/// every outcome is `untried`. The program gets the plugin's content, a pipe for its answer and
/// nothing else of ours, is in a process group of its own, and ends when this process does.
/// `limit`: of the plugin's life. [the trial: any thread]
channel::trial plugin_trial(std::vector<std::string> programs, nanoseconds_t limit = 5 * second);

}  // namespace fd2::runs
