// The part of a channel that its backend and other threads use. It may outlive the channel.
//
// At any time one backend has the channel. A hand-over takes the read end away from it between two
// reads and gives it to another; meanwhile nobody has it, and what others ask is kept until the new
// one does:
//
//     held --lend/give back--> held         a call of ours into the backend, on any thread
//     held --hand_over--> moving --> held   by the new backend, or by the old one again
//     held --close--> none
//
// `lend` is refused while moving, and moving begins when nothing is lent. Example: the forwarder's
// thread calls resume while the channel moves. It finds nobody, has cleared its bit in `pauses`,
// and the mover, who finds no bit set at the end, resumes on the new backend.
#pragma once

#include <fd2/abi.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "capture/capture.hpp"
#include "channel/channel_setup.hpp"
#include "channel/configured_backend.hpp"

namespace fd2::channel {

/// A move of a channel to another backend of the same kind of object.
struct hand_over {
    std::string from;  ///< ids
    std::string to;
    std::string file;  ///< the plugin's, of `to`
    nanoseconds_t began = 0;
    nanoseconds_t pause = 0;  ///< how long nobody read: until the first bytes, if some came at once
};

/// What came of a request to move. A failure: the channel is where it was, or (errc::internal, and
/// the record ends with an error) no backend could take it back.
using hand_over_result = result<hand_over>;

class core {
  public:
    core(std::uint64_t number, shared_backend backend, channel_setup setup);
    core(const core&) = delete;
    core& operator=(const core&) = delete;

    const std::uint64_t number;
    channel_setup setup;
    const std::shared_ptr<capture::capture> record;

    std::atomic<nanoseconds_t> last_byte{0};
    std::atomic<bool> child_exited{false};
    std::atomic<bool> failed{false};
    std::atomic<bool> ended{false};
    std::atomic<bool> muted{false};  ///< the backend broke its promise to end: it is not heard

    // ---- [owner]

    status open();
    /// `watched`: the descriptor for the caller's loop, or -1.
    status start(int& watched);
    result<unique_fd> take_child_end();
    bool set_terminal_size(const fd2_terminal_size& size) noexcept;
    /// False at the deadline.
    bool join_and_close(nanoseconds_t deadline) noexcept;
    /// True: it was never started, or there is none.
    bool close_unstarted() noexcept;
    /// The channel is closed and goes.
    void let_go() noexcept;
    /// It does not end: it is not heard any more, and stays.
    void abandon(std::shared_ptr<core> self) noexcept;
    /// [the loop] What on_ready answers.
    std::int32_t drive(std::uint32_t max_bytes, std::int64_t& deadline) noexcept;

    // ---- [any thread]

    /// The plugin of the backend that has the channel, or had it last.
    std::shared_ptr<const loaded_plugin> plugin() const noexcept;
    /// That backend; without an instance once the channel is closed.
    shared_backend configured() const noexcept;
    /// Zeros once the channel is closed.
    fd2_info info() const noexcept;
    void resume(pause_source who) noexcept;
    void finish(finish_mode mode) noexcept;
    void report_fault(const char* what) noexcept;

    /// Moves the channel. Waits for callbacks that run; not called in one. A polled channel is
    /// moved by its loop, which has forgotten the descriptor: `watched` gets the new one, or -1.
    hand_over_result move_to(const shared_backend& to, int* watched = nullptr);

    /// What a loop is asked to do at its next step. `done` is called by it, or at the channel's
    /// end.
    struct request {
        shared_backend to;
        std::function<void(hand_over_result)> done;
    };
    void ask_loop(request wanted);
    std::optional<request> next_request();
    bool has_request() const noexcept { return asked_.load(std::memory_order_acquire); }
    void refuse_requests();

  private:
    /// The backend's channel, lent for one call.
    class loan;

    static std::int32_t on_bytes(void* self, const std::uint8_t* data, std::uint32_t size) noexcept;
    static void on_end(void* self, std::int32_t reason, std::int32_t sys_errno) noexcept;
    static std::int32_t reserve(void* self, std::uint8_t** data, std::uint32_t* space) noexcept;

    const fd2_channel_ops& ops() const noexcept { return *backend_->plugin->backend->channel; }
    fd2_sink sink() noexcept;
    void end(end_kind how, int sys_errno) noexcept;
    std::int32_t start_on(const configured_backend& by, fd2_channel* handle, int& watched,
                          call_error& error) noexcept;
    std::int32_t adopt(const configured_backend& by, fd2_carry& carry, fd2_channel*& made,
                       int& watched, call_error& error) noexcept;
    void settle(const shared_backend& by, fd2_channel* handle, bool paused) noexcept;
    void strand(int sys_errno, unique_fd read) noexcept;

    /// What few channels need. A loop may have ten thousand of them.
    struct rare {
        fd2_info last_info{};                       ///< before the present move
        std::atomic<nanoseconds_t> first_bytes{0};  ///< of the new backend, while moving; 0: none
        std::optional<finish_mode> finish_asked;    ///< while moving
        unique_fd stranded;                         ///< an object that no backend reads any more
        std::vector<request> requests;
        std::shared_ptr<core> kept;  ///< itself, where the backend may still come back
    };
    rare& rarely();

    std::atomic<std::uint32_t> pauses_{0};        // pause_source bits
    mutable std::atomic<std::uint32_t> lent_{0};  // raised with the mutex held
    std::atomic<bool> asked_{false};              // there are requests
    std::atomic<bool> moving_{false};             // changed with the mutex held

    mutable std::mutex mutex_;  // everything below; never held while a backend is called
    bool closed_to_requests_ = false;
    shared_backend backend_;
    fd2_channel* handle_ = nullptr;
    std::unique_ptr<rare> rare_;
};

}  // namespace fd2::channel
