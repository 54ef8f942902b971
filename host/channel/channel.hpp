// One child's stderr through one backend: the host's handle.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/terminal_size.hpp"
#include "base/unique_fd.hpp"
#include "capture/capture.hpp"
#include "channel/core.hpp"

namespace fd2::channel {

/// What a loop does after it has driven a channel.
enum class turn : std::uint8_t {
    again,   ///< the budget is spent: drive again after others had their turn
    wait,    ///< at readiness, or at the deadline
    later,   ///< at the deadline, whatever the descriptor says
    paused,  ///< after `resume` or `finish`
    ended,   ///< the record is final; the descriptor is to be forgotten
};

/// A channel as its backend describes it.
struct channel_info {
    std::string_view medium;           ///< as medium_name() has it
    std::uint64_t capacity = 0;        ///< bytes that the object holds; 0: unknown
    std::uint64_t capacity_small = 0;  ///< the same of one-byte writes
    std::uint64_t caps = 0;            ///< FD2_CAP_*
    /// The kernel does not report data in transit: the end is recognised by silence.
    bool settles = false;
};

/// What other threads may know of a channel, and ask of it. It may outlive the channel.
/// [any thread]
class channel_view {
  public:
    explicit channel_view(std::shared_ptr<core> of) noexcept : core_(std::move(of)) {}

    std::uint64_t number() const noexcept { return core_->number; }
    /// The plugin of the backend that has it, or had it last.
    std::shared_ptr<const loaded_plugin> plugin() const noexcept { return core_->plugin(); }
    /// That backend with its options, to go back to; without an instance once the channel is
    /// closed.
    shared_backend configured() const noexcept { return core_->configured(); }
    nanoseconds_t last_byte() const noexcept { return core_->last_byte.load(); }
    channel_info info() const noexcept;
    const std::shared_ptr<capture::capture>& record() const noexcept { return core_->record; }

    /// Moves the channel, from when the child has its end. Where the caller's loop drives it, the
    /// loop does so at its next step. `done` is called once, at the latest at the channel's end,
    /// by this call or by the loop; it must not block.
    void hand_over(const shared_backend& to, std::function<void(hand_over_result)> done) const;

  private:
    std::shared_ptr<core> core_;
};

/// Made by `open_channel` in the state RUNNING; no byte flows before a child has the other end.
/// The record may outlive the channel. The destructor stops a channel that is still running.
class channel {
  public:
    ~channel();
    channel(const channel&) = delete;
    channel& operator=(const channel&) = delete;

    /// In the state OPEN at most. [owner, as the next two]
    static std::unique_ptr<channel> make(std::uint64_t number, shared_backend by,
                                         channel_setup setup);
    status open() { return core_->open(); }
    status start() { return core_->start(watched_); }

    std::uint64_t number() const noexcept { return core_->number; }
    std::string backend() const { return core_->plugin()->id; }  ///< [any thread]

    channel_info info() const noexcept { return view().info(); }  ///< [any thread]

    const std::shared_ptr<capture::capture>& record() const noexcept { return core_->record; }

    /// The end that becomes the child's fd 2; the caller's from now on. Once. [owner]
    result<unique_fd> take_child_end() { return core_->take_child_end(); }

    /// `who` was full and takes bytes again. [any thread]
    void resume(pause_source who) noexcept { core_->resume(who); }

    /// The same for a thread that this channel's owner does not stop: it may be called at any time,
    /// also when the channel has gone, and does nothing then. It does not block. [any thread]
    std::function<void()> resumer(pause_source who) const {
        return [core = core_, who] { core->resume(who); };
    }

    /// The child's terminal gets this size. False: its fd 2 is no terminal whose size can be set.
    /// [owner]
    bool set_terminal_size(const terminal_size& size) noexcept;

    /// From now on an end short of EOF means that others still hold the child's stderr.
    /// [any thread, before `finish`]
    void child_exited() noexcept { core_->child_exited.store(true, std::memory_order_release); }

    /// Ends the channel: with what the object holds by now, or at once. [any thread]
    void finish(finish_mode mode) noexcept { core_->finish(mode); }

    /// The descriptor that the caller's loop is to watch for reading; -1 where the backend waits
    /// itself. Then the loop serialises every call on the channel (except for `ended`, and reading
    /// the record), drives after `resume` and `finish`, and forgets the descriptor before
    /// `join_and_close` and the destructor.
    int watched() const noexcept { return watched_; }

    /// Delivers up to about `max_bytes`. `deadline`: when to drive again at the latest, or never.
    /// [the loop; where `watched` is not -1]
    turn drive(std::uint32_t max_bytes, nanoseconds_t& deadline) noexcept;

    /// Waits for the end, then closes. False at the deadline: the backend is late, and may be asked
    /// again. [owner]
    bool join_and_close(nanoseconds_t deadline) noexcept { return core_->join_and_close(deadline); }

    /// True once the record is final. [any thread]
    bool ended() const noexcept { return core_->ended.load(std::memory_order_acquire); }

    /// It ended because its object could not be read. Closed now, it would cost the command a
    /// SIGPIPE at its next message: keep it until the command has exited. [any thread, once ended]
    bool failed() const noexcept { return core_->failed.load(std::memory_order_relaxed); }

    /// When the newest bytes came; 0 if none have. [any thread]
    nanoseconds_t last_byte() const noexcept {
        return core_->last_byte.load(std::memory_order_relaxed);
    }

    /// A hand-over was asked for, which the loop is to do with `move_now` once it has forgotten the
    /// descriptor. [the loop]
    bool wants_to_move() const noexcept { return core_->has_request(); }
    void move_now();

    /// The channel as other threads see it.
    channel_view view() const noexcept { return channel_view(core_); }

  private:
    explicit channel(std::shared_ptr<core> made) noexcept : core_(std::move(made)) {}

    std::shared_ptr<core> core_;
    int watched_ = -1;
};

}  // namespace fd2::channel
