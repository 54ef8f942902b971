#include "channel/channel.hpp"

#include <cerrno>

namespace fd2::channel {

namespace {

// How long a backend may take to act on finish. Its own part takes microseconds and ours is
// bounded; this only tells a broken backend from a machine under load.
constexpr nanoseconds_t patience = 10 * second;

constexpr std::uint32_t bit(pauser who) {
    return static_cast<std::uint32_t>(who);
}

}  // namespace

channel::~channel() {
    if (!handle_) return;
    // A channel that never started closes at once.
    if (ops().close(handle_) == FD2_OK) return;
    finish(FD2_FINISH_NOW);
    if (join(after(now(), patience))) return;
    misbehaves("did not end within 10 s of finish; it is left behind");
    core_->muted.store(true, std::memory_order_release);
    (void)core_.release();
}

void channel::misbehaves(const char* what) noexcept {
    if (!core_->setup.watch) return;
    core_->setup.watch->on_event({severity::error, what, backend(), number(), 0});
}

fd2_info channel::info() const noexcept {
    fd2_info out{};
    out.struct_size = sizeof(out);
    if (handle_) (void)ops().info(handle_, &out);
    return out;
}

std::int32_t channel::on_bytes(void* self, const std::uint8_t* data, std::uint32_t size) noexcept {
    auto& c = *static_cast<core*>(self);
    if (c.muted.load(std::memory_order_acquire)) return FD2_STOP;
    c.last_byte.store(now(), std::memory_order_relaxed);
    // Each bit is set before its consumer is asked, so that a consumer which has room again at once
    // (on another thread) takes away a bit that is there.
    c.pauses.fetch_or(bit(pauser::bytes) | bit(pauser::lines), std::memory_order_acq_rel);
    std::uint32_t roomy = 0;
    if (!c.record->append(data, size)) roomy |= bit(pauser::lines);
    if (!c.setup.bytes || !c.setup.bytes->offer(data, size)) roomy |= bit(pauser::bytes);
    const std::uint32_t left = c.pauses.fetch_and(~roomy, std::memory_order_acq_rel) & ~roomy;
    return left == 0 ? FD2_CONTINUE : FD2_PAUSE;
}

std::int32_t channel::reserve(void* self, std::uint8_t** data, std::uint32_t* room) noexcept {
    std::size_t size = 0;
    *data = static_cast<core*>(self)->record->reserve(size);
    if (!*data) return FD2_E_RESOURCE;
    *room = static_cast<std::uint32_t>(size);
    return FD2_OK;
}

void channel::on_end(void* self, std::int32_t reason, std::int32_t sys_errno) noexcept {
    auto& c = *static_cast<core*>(self);
    if (c.muted.load(std::memory_order_acquire)) return;
    auto end = end_kind::stopped;
    switch (reason) {
        case FD2_END_EOF:
            end = end_kind::eof;
            break;
        case FD2_END_ERROR:
            end = end_kind::error;
            break;
        case FD2_END_DRAINED:
            if (c.child_exited.load(std::memory_order_acquire)) {
                end = end_kind::writers_remain;
            }
            break;
        default:
            break;
    }
    c.record->finish(end, sys_errno);
    c.ended.store(true, std::memory_order_release);
    if (c.setup.on_ended) c.setup.on_ended();
}

result<unique_fd> channel::take_child_end() {
    fd2_native end = FD2_NATIVE_NONE;
    call_error error;
    const std::int32_t code = ops().take_child_end(handle_, &end, error.get());
    if (code != FD2_OK) return error.as_failure(code);
    return unique_fd(static_cast<int>(end));
}

void channel::room(pauser who) noexcept {
    const std::uint32_t before = core_->pauses.fetch_and(~bit(who), std::memory_order_acq_rel);
    const bool last = (before & bit(who)) != 0 && (before & ~bit(who)) == 0;
    if (!last) return;
    const std::lock_guard lock(closing_);
    if (handle_) (void)ops().resume(handle_);
}

void channel::finish(std::int32_t mode) noexcept {
    if (handle_) (void)ops().finish(handle_, mode);
}

turn channel::drive(std::uint32_t max_bytes, nanoseconds_t& deadline) noexcept {
    deadline = never;
    if (!handle_ || ended()) return turn::ended;
    std::int64_t at = -1;
    const std::int32_t what = core_->from->plugin().pollable->on_ready(handle_, max_bytes, &at);
    if (at >= 0) deadline = at;
    switch (what) {
        case FD2_READY_AGAIN:
            return turn::again;
        case FD2_READY_WAIT:
            return turn::wait;
        case FD2_READY_LATER:
            return turn::later;
        case FD2_READY_PAUSED:
            return turn::paused;
        case FD2_READY_ENDED:
            return turn::ended;
        default:
            misbehaves("cannot be driven though the channel was running; reading is stopped");
            finish(FD2_FINISH_NOW);
            return turn::ended;
    }
}

bool channel::join(nanoseconds_t deadline) noexcept {
    if (!handle_) return true;
    const std::int32_t code = ops().join(handle_, deadline);
    if (code == FD2_E_TIMEDOUT) return false;
    if (code != FD2_OK) misbehaves("join failed though the channel was running");
    const std::lock_guard lock(closing_);
    if (ops().close(handle_) != FD2_OK) misbehaves("close failed after join");
    handle_ = nullptr;
    return true;
}

}  // namespace fd2::channel
