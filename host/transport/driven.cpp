#include "transport/driven.hpp"

#include <signal.h>

#include <algorithm>
#include <utility>

#include "forward/posix/sigpipe.hpp"

namespace fd2::transport {

namespace {
// Bytes that a channel delivers in one turn while others wait for theirs.
constexpr std::uint32_t turn_budget = 64 * 1024;
}  // namespace

driven::driven(const end_policy& policy, std::function<void()> bell)
    : policy_(policy), bell_(std::move(bell)) {}

driven::~driven() {
    if (forwards_) forwards_->attach({});
    // The channel first: what it still delivers goes to the forwarder.
    carried_.reset();
}

void driven::prepare(channel::channel_setup& setup, forward::forwarder& to) {
    forwards_ = std::make_shared<forwarding>(to);
    forwards_->attach([this] {
        roomy_.store(true, std::memory_order_release);
        bell_();
    });
    setup.bytes = forwards_.get();
    setup.polled = true;
    setup.on_ended = bell_;
}

void driven::carry(std::unique_ptr<channel::channel> made) noexcept {
    carried_ = std::move(made);
    record_ = carried_->record();
}

void driven::run(process::child made, surface_request surface, int fd,
                 const settings::forward_settings& with, forward::forwarder& beside) {
    child_.emplace(std::move(made));
    surface_request_ = std::move(surface);
    make_surfacing_ = [fd, &with, &beside](const std::string& text) {
        return std::make_unique<surfacing>(fd, with, beside, text);
    };
}

loop_wants driven::step(unsigned events) noexcept {
    // Bytes are forwarded from in here.
    std::optional<forward::sigpipe_blocked> quiet;
    if (forwards_) quiet.emplace();
    drive(events, now());
    if (!status_ && (events & exit_ready) != 0) look_at_child();
    while (advance(now())) continue;

    loop_wants out;
    if (phase_ == phase::over) {
        out.over = true;
        return out;
    }
    if (!status_) out.exit_fd = child_->pidfd();
    if (carried_) {
        if (carried_->watched() >= 0 && !carried_->ended()) {
            out.stderr_fd = carried_->watched();
            out.watch_stderr = armed_;
            out.deadline = drive_at_;
            out.soon = due_;
        } else if (named_ && carried_->ended()) {
            // Forgotten by the loop now, closed by the next step.
            out.soon = true;
        }
        if (phase_ == phase::lingering) {
            out.deadline =
                std::min(out.deadline, linger_until(policy_, exited_, carried_->last_byte()));
        }
    }
    named_ = out.stderr_fd >= 0;
    return out;
}

void driven::drive(unsigned events, nanoseconds_t present) noexcept {
    if (!carried_) return;
    if (roomy_.exchange(false, std::memory_order_acq_rel)) {
        carried_->room(channel::pauser::bytes);
        due_ = true;
    }
    if (carried_->watched() < 0 || carried_->ended()) return;
    if ((events & stderr_ready) == 0 && !due_ && present < drive_at_) return;
    const channel::turn next = carried_->drive(turn_budget, drive_at_);
    due_ = next == channel::turn::again;
    armed_ = next == channel::turn::wait;
}

void driven::look_at_child() noexcept {
    auto end = child_->try_wait();
    if (!end) {
        status_ = exit_status::lost(end.error().sys_errno);
    } else if (*end) {
        status_ = **end;
    }
    if (!status_) return;
    exited_ = now();
    if (carried_) carried_->child_exited();
}

/// One step through the phases; false where something must come first.
bool driven::advance(nanoseconds_t present) noexcept {
    switch (phase_) {
        case phase::running:
            if (carried_ && carried_->ended() && !named_) close();
            if (!status_) return false;
            phase_ = phase::lingering;
            return true;
        case phase::lingering:
            if (carried_is_running()) {
                const bool patient =
                    present < linger_until(policy_, exited_, carried_->last_byte());
                if (patient && !cut_short_) return false;
                if (policy_.follow && !cut_short_) {
                    phase_ = phase::following;
                    report(false);
                    return false;
                }
                finish();
            }
            phase_ = phase::finishing;
            return true;
        case phase::finishing:
        case phase::following:
            if (phase_ == phase::following && cut_short_ && carried_is_running()) finish();
            if (carried_is_running()) return false;
            if (carried_ && named_) return false;
            close();
            phase_ = phase::closed;
            return true;
        case phase::closed: {
            phase_ = phase::flushing;
            if (!forwards_) return true;
            forward::stream& stream = forwards_->stream();
            stream.finishing();
            if (cut_short_) stream.abandon();
            return stream.flush_then(bell_);
        }
        case phase::flushing:
            if (forwards_ && forwards_->stream().look().queued != 0) return false;
            surface();
            phase_ = phase::surfacing;
            return !surfacing_ || surfacing_->stream().flush_then(bell_);
        case phase::surfacing:
            if (surfacing_ && surfacing_->stream().look().queued != 0) return false;
            surfacing_.reset();
            report(true);
            phase_ = phase::over;
            return false;
        case phase::over:
            break;
    }
    return false;
}

/// From here on nothing pauses: what lies in the kernel object comes out.
void driven::finish() noexcept {
    if (forwards_) forwards_->stream().finishing();
    carried_->finish(FD2_FINISH_DRAIN);
    due_ = true;
    if (carried_->watched() >= 0) drive(nothing, now());
}

void driven::close() noexcept {
    if (!carried_) return;
    // Over already, but for the way back of the callback that told so.
    if (!carried_->join(after(now(), 10 * second))) carried_->finish(FD2_FINISH_NOW);
    if (forwards_) forwards_->attach({});
    carried_.reset();
}

void driven::report(bool final) noexcept {
    driven_ending out;
    out.status = *status_;
    out.exited = exited_;
    out.finished = now();
    out.final = final;
    if (forwards_) out.forwarded = forwards_->stream().look();
    ended_ = out;
}

void driven::surface() {
    if (!record_ || !forwards_ || cut_short_ || ended_) return;
    try {
        const std::string text =
            surface_request_(*status_, record_->look(), forwards_->stream().look());
        if (!text.empty()) surfacing_ = make_surfacing_(text);
    } catch (const std::exception&) {
        // Out of memory: the record has it all the same.
    }
}

void driven::abandon() noexcept {
    cut_short_ = true;
    if (child_ && !status_) (void)child_->kill(SIGKILL);
    if (forwards_) forwards_->stream().abandon();
}

}  // namespace fd2::transport
