// Goes through stop actions, one after the other.
#pragma once

#include <fd2/stop.hpp>

#include <array>
#include <cstddef>

#include "base/clock.hpp"

namespace fd2 {

/// Says what is due and until when; sends and waits for nothing itself. [one thread at a time]
class stopping {
  public:
    explicit stopping(const stop_actions& what) noexcept
        : actions_{what.first, what.second, what.third} {}

    /// Whether `what` says anything.
    static bool is_zero(const stop_actions& what) noexcept;

    /// Begins the next action; to be called at first, and when `until` has passed. Returns the
    /// signal to send, 0 for none.
    int next(nanoseconds_t present) noexcept;

    /// Until when the present action may take.
    nanoseconds_t until() const noexcept { return until_; }
    /// No action is left.
    bool over() const noexcept { return over_; }

  private:
    std::array<stop_action, 3> actions_;
    std::size_t at_ = 0;
    nanoseconds_t until_ = 0;
    bool over_ = false;
};

}  // namespace fd2
