// One run: a child, its stderr and our own, from the choice of a backend to the outcome.
//
//     open -> spawn -> running -> lingering -> finishing -> closed -> flushing -> replaying -> over
//                                     |           ^
//                                     +-> following (end_policy::follow, until EOF)
//
// The machine does not wait itself. `step` returns what to wait for, and is told what happened. A
// driver waits: the command and the blocking API use poll (run/poll_driver.hpp); with the loop API
// the program is the driver.
//
// Example: a child exits while a helper still holds its stderr. The driver's pidfd is readable;
// step(exit_ready) collects the status and returns a deadline 25 ms away. Nothing comes;
// step(deadline_passed) tells the backend to finish. The backend delivers what is in the kernel
// object, ends, and rings the bell; step(nothing) closes the channel and asks the forwarder to ring
// once our own stderr has taken everything. The next step finds that it has: over.
#pragma once

#include <fd2/loop_wants.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/home_process.hpp"
#include "base/unique_fd.hpp"
#include "channel/channel.hpp"
#include "channel/selection.hpp"
#include "process/child.hpp"
#include "process/holders.hpp"
#include "process/spawn.hpp"
#include "run/end_policy.hpp"
#include "run/forwarding.hpp"
#include "run/replay.hpp"
#include "run/stderr_plan.hpp"

namespace fd2::runs {

/// How a run ended; complete once `ended` returns it.
struct outcome {
    exit_status status = exit_status::lost(0);
    nanoseconds_t exited = 0;
    nanoseconds_t finished = 0;  ///< the record is final, and what could be forwarded has been
    bool final = true;           ///< false: the stderr is still read (end_policy::follow)
    bool cut_short = false;      ///< `cut_short` was called
    forward::counters forwarded;
};

/// What the owner of a run wants to be told. Called by `step`; none may throw.
struct run_hooks {
    /// Once, if something must be waited for after the child's exit.
    std::function<void()> must_wait = {};
    /// Once, after the exit and before the object is emptied: from then on nothing pauses.
    std::function<void(exit_status)> before_finish = {};
    /// With end_policy::follow, once, if others still hold the stderr after lingering: the run then
    /// goes on to EOF. Without this hook `ended` returns an outcome that is not final.
    std::function<void(exit_status)> following = {};
};

/// Where the tail is shown again if the child failed and its stderr was not all seen.
struct replay_request {
    settings::surface_policy policy = settings::surface_policy::never;
    std::string command;  ///< argv[0]
    int fd = -1;
};

/// One run. The driver serialises all calls; the bell alone is rung from other threads.
class run {
  public:
    /// `bell` makes the driver call `step` soon. It must neither block nor throw, and may be rung
    /// from any thread until the destructor has returned.
    run(const end_policy& policy, std::function<void()> bell, run_hooks hooks = {});
    /// A child that still runs is killed and collected (process::child). Nothing in a fork.
    ~run();
    run(const run&) = delete;
    run& operator=(const run&) = delete;

    /// Chooses a backend: channel::open_channel, with what its caller knows. Attempts that failed
    /// are added to the list.
    using selector = std::function<result<channel::selected>(
        const channel::open_request&, channel::channel_setup, std::vector<channel::attempt>&)>;

    /// Opens a channel as `plan` wants it, read by the driver if `polled` and the backend can; its
    /// bytes go to `out`, where there is one. Without a channel the child inherits our stderr:
    /// `why_inherit` says why. `out` outlives the run.
    status open(const stderr_plan& plan, const settings::settings& config, bool polled,
                forward::forwarder* out, const selector& select);

    /// The child inherits our stderr, because of `why`.
    void inherit(std::string why) { why_inherit_ = std::move(why); }

    /// Starts the child with the channel's other end as its stderr.
    status spawn(process::spawn_spec spec, process::spawn_refusal* refusal = nullptr);

    void replay_to(replay_request request) { replay_request_ = std::move(request); }
    void set_policy(const end_policy& policy) noexcept { policy_ = policy; }

    /// Tells the run what happened: bits of loop_event. Forwards bytes, so that SIGPIPE is blocked
    /// or ignored in the calling thread (sigpipe_blocked).
    loop_wants step(unsigned events) noexcept;

    /// Ends lingering, following and waiting for our own stderr, because a signal asked us to end.
    void cut_short() noexcept;

    /// The driver cannot wait any more (poll fails): what is left is done at once, or waited for
    /// here.
    void stop_waiting() noexcept { cannot_wait_ = true; }

    /// Kills the child and does not wait; all that is left is to collect it. A child that cannot be
    /// killed (one that now runs as another user) is left alone, and the failure says so: nothing
    /// is left to do then.
    status abandon() noexcept;

    /// "running", "lingering", "following", "finishing" or "over". [any thread]
    std::string_view state() const noexcept;

    bool has_channel() const noexcept { return record_ != nullptr; }
    /// The open channel; null once it was closed, and where there is none.
    channel::channel* open_channel() const noexcept { return channel_.get(); }
    /// Null where the child inherits our stderr.
    const std::shared_ptr<capture::capture>& record() const noexcept { return record_; }
    /// Null where nothing is forwarded.
    const std::shared_ptr<forwarding>& forwards() const noexcept { return forwards_; }
    /// The backends that were tried before, and why each was not used.
    const std::vector<channel::attempt>& attempts() const noexcept { return attempts_; }
    const std::string& why_inherit() const noexcept { return why_inherit_; }
    /// The kernel object that the child has as its stderr.
    const std::optional<process::object_id>& object() const noexcept { return object_; }

    process::child& child() noexcept { return *child_; }
    bool spawned() const noexcept { return child_.has_value(); }
    nanoseconds_t started() const noexcept { return started_; }
    forward::counters forwarded() const;

    /// How the child ended, once a step has seen it.
    const std::optional<exit_status>& child_exit() const noexcept { return status_; }
    /// The outcome, once the child has ended and its record is as final as the policy wants it.
    const std::optional<outcome>& ended() const noexcept { return ended_; }

  private:
    enum class phase {
        running,
        lingering,
        following,
        finishing,
        closed,
        flushing,
        replaying,
        over
    };

    void move() noexcept;
    void drive(unsigned events, nanoseconds_t present) noexcept;
    void collect_exit(unsigned events) noexcept;
    bool advance(unsigned events, nanoseconds_t present) noexcept;
    bool keeps_lingering(unsigned events, nanoseconds_t present) noexcept;
    nanoseconds_t linger_limit() noexcept;
    nanoseconds_t finish_limit() const noexcept;
    bool is_held() const noexcept;
    void finish() noexcept;
    void close() noexcept;
    bool starts_flush(forward::stream& stream) noexcept;
    void conclude(bool final) noexcept;
    void replay_tail() noexcept;
    bool channel_is_running() const noexcept { return channel_ && !channel_->ended(); }

    const home_process home_;
    end_policy policy_;
    const std::function<void()> bell_;
    run_hooks hooks_;
    replay_request replay_request_;
    std::atomic<bool> resumable_{false};  // our own stderr takes bytes again; the driver resumes

    settings::forward_settings forward_settings_;
    forward::forwarder* out_ = nullptr;
    std::shared_ptr<forwarding> forwards_;
    std::unique_ptr<channel::channel> channel_;
    std::shared_ptr<capture::capture> record_;
    unique_fd child_end_;
    std::optional<process::object_id> object_;
    std::vector<channel::attempt> attempts_;
    std::string why_inherit_;
    std::optional<process::child> child_;
    std::unique_ptr<replay> replay_;

    std::atomic<phase> phase_{phase::running};  // written by the driver alone
    bool armed_ = true;                         // the backend wants its descriptor watched
    bool driver_watches_ = false;               // the driver knows the backend's descriptor
    bool due_ = false;                          // the channel wants to be driven at once
    nanoseconds_t drive_at_ = never;
    nanoseconds_t finish_began_ = 0;
    nanoseconds_t asked_ = never;  // the end of lingering that the driver was told last
    nanoseconds_t started_ = 0;
    std::optional<exit_status> status_;
    nanoseconds_t exited_ = 0;
    nanoseconds_t finished_ = 0;
    bool late_eof_ = false;  // nobody is seen to hold the stderr: EOF is on its way
    bool cut_short_ = false;
    bool abandoned_ = false;
    bool cannot_wait_ = false;
    bool waited_ = false;
    std::optional<outcome> ended_;
};

}  // namespace fd2::runs
