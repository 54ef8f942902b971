// The async transport's end of things, without an event loop: a machine that tells what to wait for
// and is told what came. It waits for nothing itself.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "channel/channel.hpp"
#include "process/child.hpp"
#include "transport/end_policy.hpp"
#include "transport/forwarding.hpp"
#include "transport/surfacing.hpp"

namespace fd2::transport {

/// What the loop is to do until it calls `step` again. A descriptor that is no longer named (-1) is
/// forgotten *before* the next step, which closes it.
struct loop_wants {
    int stderr_fd = -1;
    bool watch_stderr = false;  ///< for reading; else it is left alone for now
    int exit_fd = -1;           ///< to be watched for reading
    nanoseconds_t deadline = never;
    bool soon = false;  ///< step again after others had their turn
    bool over = false;  ///< nothing is left to do
};

/// What came. Bits.
enum loop_event : unsigned { nothing = 0, stderr_ready = 1, exit_ready = 2 };

/// What is asked when the end is reached: the text to surface, or an empty one.
using surface_request =
    std::function<std::string(exit_status, const capture::snapshot&, const forward::counters&)>;

/// How a driven child ended; there once `ended` says so.
struct driven_ending {
    exit_status status = exit_status::lost(0);
    nanoseconds_t exited = 0;
    nanoseconds_t finished = 0;
    bool final = true;  ///< the record is; else the channel goes on (end_policy::follow)
    forward::counters forwarded;
};

/// One child on somebody else's loop. The loop serialises all calls; `bell` alone is rung from any
/// thread, and makes the loop call `step` soon. It is made before the channel, which rings it.
class driven {
  public:
    /// `bell` must neither block nor throw, and may be called until the destructor has returned.
    driven(const end_policy& policy, std::function<void()> bell);
    ~driven();
    driven(const driven&) = delete;
    driven& operator=(const driven&) = delete;

    /// Completes a setup, so that the channel made with it rings the bell.
    void prepare(channel::channel_setup& setup, forward::forwarder& to);

    /// The channel made with that setup. Without this call nothing is carried.
    void carry(std::unique_ptr<channel::channel> made) noexcept;
    channel::channel* carried() const noexcept { return carried_.get(); }
    const std::shared_ptr<forwarding>& forwards() const noexcept { return forwards_; }

    /// The child that has the channel's other end. It has a pidfd.
    void run(process::child made, surface_request surface, int fd,
             const settings::forward_settings& with, forward::forwarder& beside);

    /// [the loop]
    loop_wants step(unsigned events) noexcept;

    /// Kills the child, waits for nobody: what is left to do is to collect it. [the loop]
    void abandon() noexcept;

    /// How the child ended, once a step has seen it. [the loop]
    const std::optional<exit_status>& exited() const noexcept { return status_; }

    /// The child ended and its record is as final as the policy wants it. [the loop]
    const std::optional<driven_ending>& ended() const noexcept { return ended_; }

    process::child& child() noexcept { return *child_; }

  private:
    enum class phase {
        running,
        lingering,
        finishing,
        following,
        closed,
        flushing,
        surfacing,
        over
    };

    void drive(unsigned events, nanoseconds_t present) noexcept;
    void look_at_child() noexcept;
    bool advance(nanoseconds_t present) noexcept;
    void finish() noexcept;
    void close() noexcept;
    void report(bool final) noexcept;
    void surface();
    bool carried_is_running() const noexcept { return carried_ && !carried_->ended(); }

    const end_policy policy_;
    const std::function<void()> bell_;
    std::atomic<bool> roomy_{false};

    std::shared_ptr<forwarding> forwards_;
    std::unique_ptr<channel::channel> carried_;
    std::shared_ptr<capture::capture> record_;
    std::optional<process::child> child_;
    surface_request surface_request_;
    std::function<std::unique_ptr<surfacing>(const std::string&)> make_surfacing_;
    std::unique_ptr<surfacing> surfacing_;

    phase phase_ = phase::running;
    bool armed_ = true;   // the backend wants its descriptor watched
    bool named_ = false;  // the loop knows the backend's descriptor
    bool due_ = false;    // the channel wants to be driven at once
    nanoseconds_t drive_at_ = never;
    std::optional<exit_status> status_;
    nanoseconds_t exited_ = 0;
    bool cut_short_ = false;
    std::optional<driven_ending> ended_;
};

}  // namespace fd2::transport
