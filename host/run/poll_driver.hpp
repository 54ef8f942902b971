// Drives a run with poll(2), for callers that may block a thread.
#pragma once

#include <array>
#include <functional>
#include <memory>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "run/run.hpp"

namespace fd2::runs {

/// The bell of a run that is driven by poll.
class wakeup {
  public:
    static result<std::shared_ptr<wakeup>> make();

    void ring() const noexcept;   ///< [any thread]
    void clear() const noexcept;  ///< [the driver]
    int descriptor() const noexcept { return event_.get(); }

  private:
    explicit wakeup(unique_fd event) noexcept : event_(std::move(event)) {}
    unique_fd event_;
};

/// Something else to serve meanwhile: a program's signals, its control socket.
struct poll_source {
    int descriptor = -1;  ///< readable when there is something to do; may change while it is served
    /// True: the run is to end now. A failure: it is not served any more. Called on
    /// the waiting thread.
    std::function<result<bool>()> serve;
    nanoseconds_t at = never;  ///< it is served then as well; likewise
};

/// Steps a run whose child was spawned until it has an outcome. `bell` is what the run rings; null
/// where it has no channel. A child whose end was collected already is not waited for. Of `others`,
/// null where there are fewer, what is ready comes before the child's end. Allocates nothing.
/// [one thread; nobody else drives the run meanwhile]
void run_to_exit(run& driven, const wakeup* bell, std::array<poll_source*, 2> others = {});

}  // namespace fd2::runs
