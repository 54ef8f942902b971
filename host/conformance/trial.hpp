// The trial of a plugin before a host maps it (channel/trial.hpp): a short life, judged by whether
// it comes to its end. What a backend owes beyond that is the business of the checks.
#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "channel/trial.hpp"
#include "conformance/verdict.hpp"

namespace fd2::conformance {

/// Tries the plugin that is behind `image`, in processes of its own of which none is left. `asker`
/// is the writing end of a pipe, or -1: when the reader has gone nobody wants to know any more, and
/// the trial ends. [for programs with one thread]
channel::trial_outcome try_plugin(int image, const std::string& shown, nanoseconds_t limit,
                                  int asker);

inline constexpr nanoseconds_t trial_limit = 5 * second;

/// The life, in a process that was made for it, for each way of driving the backend: load, init,
/// open, start, bytes, finish, join, close, deinit. What broke. An orderly refusal is skipped, with
/// a line of channel::line_of as the reason.
std::vector<finding> live_once(int image, const std::string& shown);

}  // namespace fd2::conformance
