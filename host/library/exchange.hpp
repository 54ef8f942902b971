// Input in, output out, until a child has ended and its stdout is over.
#pragma once

#include <fd2/connection.hpp>
#include <fd2/run.hpp>

#include "base/result.hpp"
#include "library/stopping.hpp"
#include "process/child.hpp"
#include "run/end_policy.hpp"

namespace fd2 {

/// A child that has become another user's cannot be killed: how long to try.
inline constexpr std::chrono::milliseconds unkillable_after{10'000};

/// Fills `outcome` but for its report and `err`. `steps`: what ends the child after the time-out.
status exchange(SshConnection& connection, const run_options& options, stopping steps,
                const runs::end_policy& policy, run_result& outcome);

/// Its bytes, as far as the options allow.
void take_output(run_result& outcome, std::size_t limit, const char* data, std::size_t size);

/// The next step towards the end of a child that is late.
class late_child {
  public:
    late_child(process::child& child, stopping steps) : child_(child), steps_(steps) {}
    status next_step();
    nanoseconds_t until() const noexcept { return steps_.until(); }

  private:
    process::child& child_;
    stopping steps_;
    bool killed_ = false;  ///< the stop actions are over
};

}  // namespace fd2
