#include "channel/channel.hpp"

#include "channel/plugin_table.hpp"

namespace fd2::channel {

namespace {

// How long a backend may take to act on finish. Its own part takes microseconds and ours is
// bounded; this only tells a broken backend from a machine under load.
constexpr nanoseconds_t patience = 10 * second;

}  // namespace

std::unique_ptr<channel> channel::make(std::uint64_t number, shared_backend by,
                                       channel_setup setup) {
    return std::unique_ptr<channel>(
        new channel(std::make_shared<core>(number, std::move(by), std::move(setup))));
}

channel::~channel() {
    core_->refuse_requests();
    bool closed = core_->close_unstarted();
    if (!closed) {
        finish(finish_mode::now);
        closed = join_and_close(after(now(), patience));
    }
    if (closed) {
        core_->let_go();
        return;
    }
    core_->abandon(core_);
}

channel_info channel_view::info() const noexcept {
    const fd2_info told = core_->info();
    return {medium_name(told.medium), told.capacity_bytes, told.capacity_small_writes, told.caps,
            (told.flags & FD2_INFO_SETTLES) != 0};
}

void channel_view::hand_over(const shared_backend& to,
                             std::function<void(hand_over_result)> done) const {
    if (core_->setup.polled) {
        core_->ask_loop({to, std::move(done)});
    } else {
        done(core_->move_to(to));
    }
}

void channel::move_now() {
    while (auto wanted = core_->next_request()) {
        wanted->done(core_->move_to(wanted->to, &watched_));
        if (watched_ >= 0) break;  // one a step: the loop watches a new descriptor
    }
}

bool channel::set_terminal_size(const terminal_size& size) noexcept {
    return core_->set_terminal_size(
        {sizeof(fd2_terminal_size), size.rows, size.columns, size.width, size.height});
}

turn channel::drive(std::uint32_t max_bytes, nanoseconds_t& deadline) noexcept {
    deadline = never;
    if (ended()) return turn::ended;
    std::int64_t at = -1;
    const std::int32_t what = core_->drive(max_bytes, at);
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
            core_->report_fault("on_ready failed on a running channel; reading is stopped");
            finish(finish_mode::now);
            return turn::ended;
    }
}

}  // namespace fd2::channel
