// One child's stderr through one backend: the host's handle.
#pragma once

#include <fd2/abi.h>
#include <fd2/observer.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "capture/capture.hpp"
#include "channel/backend_pool.hpp"

namespace fd2::channel {

/// Where the bytes go after the capture has them: the forwarder, as far as a channel knows it.
/// [drain]
class byte_consumer {
  public:
    virtual ~byte_consumer() = default;
    /// Takes all of it, in bounded time. True: full; the giver pauses until `channel::room`.
    virtual bool offer(const std::uint8_t* data, std::size_t size) noexcept = 0;
};

/// Who asked for a pause and must call `room` for it to end.
enum class pauser : std::uint32_t { bytes = 1, lines = 2 };

/// What a channel is made with. What is pointed to outlives the channel.
struct channel_setup {
    capture::capture::limits limits;
    byte_consumer* bytes = nullptr;  ///< may be null
    std::function<void()> on_ended;  ///< [drain] after the last byte was captured; must not block
    /// The caller's loop drives the channel, if the backend can (fd2.pollable/1): see `watched`.
    bool polled = false;
    observer* watch = nullptr;
};

/// What a loop does after it has driven a channel.
enum class turn : std::uint8_t {
    again,   ///< the budget is spent: drive again after others had their turn
    wait,    ///< at readiness, or at the deadline
    later,   ///< at the deadline, whatever the descriptor says
    paused,  ///< after `room` or `finish`
    ended,   ///< the record is final; the descriptor is to be forgotten
};

/// Made by `open_channel` in the state RUNNING; no byte flows before a child has the other end.
/// The record may outlive the channel. The destructor stops a channel that is still running.
class channel {
  public:
    ~channel();
    channel(const channel&) = delete;
    channel& operator=(const channel&) = delete;

    std::uint64_t number() const noexcept { return core_->number; }
    const std::string& backend() const noexcept { return core_->from->plugin().id; }
    const std::string& file() const noexcept { return core_->from->plugin().file; }

    /// Capabilities, capacity and counters as the backend tells them. [any thread]
    fd2_info info() const noexcept;

    const std::shared_ptr<capture::capture>& record() const noexcept { return core_->record; }

    /// The end that becomes the child's fd 2; the caller's from now on. Once. [owner]
    result<unique_fd> take_child_end();

    /// `who` was full and has room again. [any thread]
    void room(pauser who) noexcept;

    /// From now on an end short of EOF means that others still hold the child's stderr.
    /// [any thread, before `finish`]
    void child_exited() noexcept { core_->child_exited.store(true, std::memory_order_release); }

    /// FD2_FINISH_DRAIN or FD2_FINISH_NOW. [any thread]
    void finish(std::int32_t mode) noexcept;

    /// The descriptor that the caller's loop is to watch for reading; -1 where the backend waits
    /// itself. Then the loop serialises every call on the channel (`look` at the record and
    /// `ended` excepted), drives after `room` and `finish`, and forgets the descriptor before
    /// `join` and the destructor.
    int watched() const noexcept { return watched_; }

    /// Delivers up to about `max_bytes`. `deadline`: when to drive again at the latest, or never.
    /// [the loop; where `watched` is not -1]
    turn drive(std::uint32_t max_bytes, nanoseconds_t& deadline) noexcept;

    /// Waits for the end, then closes. False at the deadline: the backend is late, and may be asked
    /// again. [owner]
    bool join(nanoseconds_t deadline) noexcept;

    /// True once the record is final. [any thread]
    bool ended() const noexcept { return core_->ended.load(std::memory_order_acquire); }

    /// When the newest bytes came; 0 if none have. [any thread]
    nanoseconds_t last_byte() const noexcept {
        return core_->last_byte.load(std::memory_order_relaxed);
    }

  private:
    friend class channel_builder;

    /// What the backend's callbacks reach; it stays behind, muted, if a backend breaks its promise
    /// to end, because a thread may still come back to it.
    struct core {
        std::uint64_t number = 0;
        std::shared_ptr<backend_instance> from;
        channel_setup setup;
        std::shared_ptr<capture::capture> record;
        std::atomic<std::uint32_t> pauses{0};  // pauser bits
        std::atomic<nanoseconds_t> last_byte{0};
        std::atomic<bool> child_exited{false};
        std::atomic<bool> ended{false};
        std::atomic<bool> muted{false};
    };

    explicit channel(std::unique_ptr<core> made) noexcept : core_(std::move(made)) {}

    static std::int32_t on_bytes(void* self, const std::uint8_t* data, std::uint32_t size) noexcept;
    static void on_end(void* self, std::int32_t reason, std::int32_t sys_errno) noexcept;
    static std::int32_t reserve(void* self, std::uint8_t** data, std::uint32_t* room) noexcept;
    const fd2_channel_ops& ops() const noexcept { return *core_->from->table().channel; }
    void misbehaves(const char* what) noexcept;

    std::unique_ptr<core> core_;
    std::mutex closing_;  // a late `room` must not meet the close; never held in a callback
    fd2_channel* handle_ = nullptr;
    int watched_ = -1;
};

}  // namespace fd2::channel
