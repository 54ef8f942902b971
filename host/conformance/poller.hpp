// Waits for what a polled channel gives to its caller's loop (fd2.pollable/1): on most systems a
// descriptor, on Windows an event.
#pragma once

#include <fd2/abi.h>

#include "base/clock.hpp"
#include "base/unique_fd.hpp"

namespace fd2::conformance {

class poller {
  public:
    /// Must be `good` then: descriptors may be short.
    poller();
    bool good() const noexcept { return static_cast<bool>(bell_); }

    /// Ends the wait that is under way, or the next one. [any thread]
    void ring() const noexcept;

    /// Waits until it is rung, `watched` is ready (if it is not FD2_NATIVE_NONE), or `deadline`
    /// (negative: none). Whether `watched` is ready.
    bool wait(fd2_native watched, nanoseconds_t deadline) const;

  private:
    unique_fd bell_;
};

/// Waits until `watched` is ready, at most until the deadline; whether it is.
bool wait_until_ready(fd2_native watched, nanoseconds_t deadline);

/// Lets time pass.
void sleep_for(nanoseconds_t length);

}  // namespace fd2::conformance
