#include "run/run.hpp"

#include <algorithm>
#include <utility>

namespace fd2::runs {

namespace {

// Bytes that a channel delivers in one turn while others wait for theirs.
constexpr std::uint32_t turn_budget = 64 * 1024;

// How long a backend may take to end once it was told to: what it has to read is bounded by the
// object's capacity, and our callbacks never block.
constexpr nanoseconds_t end_limit = 10 * second;

// How long to look for a process that holds a stderr. The caller waits for the status meanwhile.
constexpr nanoseconds_t search_limit = 100 * millisecond;

}  // namespace

run::run(const end_policy& policy, std::function<void()> bell, run_hooks hooks)
    : policy_(policy), bell_(std::move(bell)), hooks_(std::move(hooks)) {}

run::~run() {
    if (!home_.here()) {
        (void)channel_.release();
        (void)replay_.release();
        return;
    }
    if (forwards_) forwards_->attach({});
    // The channel first: what it still delivers goes to the forwarder.
    channel_.reset();
}

status run::open(const stderr_plan& plan, const settings::settings& config, bool polled,
                 forward::forwarder* out, const selector& select) {
    forward_settings_ = config.forward;
    out_ = out;
    if (!plan.captures) {
        inherit(plan.why_inherit);
        return {};
    }
    if (out) {
        forwards_ = std::shared_ptr<forwarding>(new forwarding(*out), delete_at_home<forwarding>());
    }
    channel::channel_setup setup;
    setup.limits = {static_cast<std::size_t>(config.capture.tail),
                    static_cast<std::size_t>(config.capture.max_line)};
    setup.bytes = forwards_.get();
    setup.polled = polled;
    setup.bell = bell_;
    auto chosen = select(plan.want, std::move(setup), attempts_);
    if (!chosen || !chosen->opened) {
        forwards_.reset();
        if (!chosen) return std::move(chosen).error();
        inherit("no backend could be used");
        return {};
    }
    auto end = chosen->opened->take_child_end();
    if (!end) return std::move(end).error();
    child_end_ = std::move(*end);
    object_ = process::object_behind(child_end_.get());
    channel_ = std::move(chosen->opened);
    record_ = channel_->record();
    if (!forwards_) return {};
    if (!polled) {
        forwards_->attach([this] { channel_->resume(channel::pause_source::bytes); });
    } else {
        // The driver serialises the calls on a channel that it may read.
        forwards_->attach([this] {
            resumable_.store(true, std::memory_order_release);
            bell_();
        });
    }
    return {};
}

status run::spawn(process::spawn_spec spec, process::spawn_refusal* refusal) {
    if (child_end_) spec.standard_error = child_end_.get();
    started_ = now();
    auto made = process::spawn(spec, refusal);
    // From now on EOF can come: the child alone has the other end.
    child_end_.reset();
    if (!made) return std::move(made).error();
    child_.emplace(std::move(*made));
    return {};
}

std::string_view run::state() const noexcept {
    switch (phase_.load()) {
        case phase::running:
            return "running";
        case phase::lingering:
            return "lingering";
        case phase::following:
            return "following";
        case phase::over:
            return "over";
        default:
            return "finishing";
    }
}

forward::counters run::forwarded() const {
    return forwards_ ? forwards_->stream().counts() : forward::counters{};
}

loop_wants run::step(unsigned events) noexcept {
    if (channel_ && channel_->wants_to_move() && !driver_watches_) move();
    drive(events, now());
    if (!status_) collect_exit(events);
    while (advance(events, now())) continue;

    loop_wants out;
    if (phase_ == phase::over) {
        out.over = true;
        return out;
    }
    nanoseconds_t wake_at = never;
    if (!status_) {
        out.exit_fd = child_->pidfd();
    } else if (!waited_ && hooks_.must_wait && phase_ != phase::finishing) {
        waited_ = true;
        hooks_.must_wait();
    }
    if (channel_) {
        // The driver forgets the descriptor now, the next step closes it or moves it.
        const bool forget = channel_->ended() || channel_->wants_to_move();
        if (channel_->watched() >= 0 && !forget) {
            out.stderr_fd = channel_->watched();
            out.watch_stderr = armed_;
            wake_at = drive_at_;
            out.soon = due_;
        } else if (driver_watches_ || channel_->wants_to_move()) {
            out.soon = true;
        }
        if (phase_ == phase::lingering) {
            asked_ = linger_limit();
            wake_at = std::min(wake_at, asked_);
        }
        if (phase_ == phase::finishing && channel_is_running()) {
            wake_at = std::min(wake_at, finish_limit());
        }
    }
    out.deadline = time_point_of(wake_at);
    driver_watches_ = out.stderr_fd >= 0;
    return out;
}

void run::move() noexcept {
    channel_->move_now();
    // What has come meanwhile is read at once, whoever was to be told.
    due_ = armed_ = channel_->watched() >= 0;
    drive_at_ = never;
}

void run::drive(unsigned events, nanoseconds_t present) noexcept {
    if (!channel_) return;
    if (resumable_.exchange(false, std::memory_order_acq_rel)) {
        channel_->resume(channel::pause_source::bytes);
        due_ = true;
    }
    if (channel_->watched() < 0 || channel_->ended()) return;
    if ((events & stderr_ready) == 0 && !due_ && present < drive_at_) return;
    const channel::turn next = channel_->drive(turn_budget, drive_at_);
    due_ = next == channel::turn::again;
    armed_ = next == channel::turn::wait;
}

void run::collect_exit(unsigned events) noexcept {
    if (child_->ended()) {  // collected before, by a wait of its owner's
        status_ = child_->ended();
    } else if ((events & exit_ready) != 0) {
        auto end = child_->try_wait();
        if (!end) {
            status_ = exit_status::lost(end.error().sys_errno);
        } else if (*end) {
            status_ = **end;
        }
    }
    if (!status_) return;
    exited_ = now();
    if (channel_) channel_->child_exited();
}

/// One step through the phases; false where something must come first.
bool run::advance(unsigned events, nanoseconds_t present) noexcept {
    switch (phase_.load()) {
        case phase::running:
            if (channel_ && channel_->ended() && !channel_->failed() && !driver_watches_) close();
            if (!status_) return false;
            phase_ = phase::lingering;
            return true;
        case phase::lingering:
            if (channel_is_running()) {
                if (keeps_lingering(events, present)) return false;
                if (policy_.follow && !cut_short_ && !cannot_wait_) {
                    phase_ = phase::following;
                    if (hooks_.following) {
                        hooks_.following(*status_);
                        return true;
                    }
                    conclude(false);
                    return false;
                }
            }
            finish();
            phase_ = phase::finishing;
            return true;
        case phase::following:
            if (channel_is_running() && !cut_short_ && !cannot_wait_) return false;
            finish();
            phase_ = phase::finishing;
            return true;
        case phase::finishing:
            if (channel_is_running() && !cannot_wait_ && now() < finish_limit()) return false;
            if (channel_ && driver_watches_) return false;
            close();
            phase_ = phase::closed;
            return true;
        case phase::closed:
            phase_ = phase::flushing;
            return !forwards_ || starts_flush(forwards_->stream());
        case phase::flushing:
            if (forwards_ && forwards_->stream().counts().queued != 0) return false;
            finished_ = now();
            replay_tail();
            phase_ = phase::replaying;
            return !replay_ || starts_flush(replay_->stream());
        case phase::replaying:
            if (replay_ && replay_->stream().counts().queued != 0) return false;
            replay_.reset();
            conclude(true);
            phase_ = phase::over;
            return false;
        case phase::over:
            break;
    }
    return false;
}

/// Whether others who hold the stderr are still given time.
bool run::keeps_lingering(unsigned events, nanoseconds_t present) noexcept {
    if (cut_short_ || cannot_wait_) return false;
    const nanoseconds_t until = linger_limit();
    const bool waited = (events & deadline_passed) != 0 && until == asked_;
    if (present < until && !waited) return true;
    // On a busy machine 25 ms of silence may only mean that our reader has not had its turn. If
    // nobody is seen to hold the stderr, EOF is on its way. (Only where the run would be followed:
    // elsewhere the backend's mark covers the child's bytes.)
    if (!policy_.follow || !hooks_.following || late_eof_ || is_held()) return false;
    late_eof_ = true;
    return now() < linger_limit();
}

nanoseconds_t run::linger_limit() noexcept {
    if (late_eof_) return after(exited_, policy_.linger_max);
    return linger_until(policy_, exited_, channel_->last_byte());
}

bool run::is_held() const noexcept {
    try {
        return object_ && !process::holders_of(*object_, after(now(), search_limit)).found.empty();
    } catch (const std::exception&) {
        return true;  // out of memory: assume so
    }
}

/// From here on nothing pauses: what is in the kernel object comes out.
void run::finish() noexcept {
    if (forwards_) forwards_->stream().finishing();
    if (hooks_.before_finish) hooks_.before_finish(*status_);
    if (!channel_is_running()) return;
    finish_began_ = now();
    channel_->finish(channel::finish_mode::drain);
    due_ = true;
    if (channel_->watched() >= 0) drive(nothing, now());
}

/// A backend that does not end although it was told to is waited for no longer than this.
nanoseconds_t run::finish_limit() const noexcept {
    return after(finish_began_, cut_short_ ? second : end_limit);
}

void run::close() noexcept {
    if (!channel_) return;
    // It has ended; what is waited for is the return of the callback that said so. One that has not
    // keeps no contract: its destructor stops it, or abandons it. Where nothing else can be waited
    // on, this is also where its own thread reads the rest.
    if (channel_->ended() || cannot_wait_) {
        (void)channel_->join_and_close(after(now(), end_limit));
    }
    if (forwards_) forwards_->attach({});
    channel_.reset();
}

/// Starts to flush; true where there is nothing to wait for.
bool run::starts_flush(forward::stream& stream) noexcept {
    stream.finishing();
    if (cut_short_) stream.abandon();
    if (cannot_wait_) stream.flush(never);
    return stream.flush_then(bell_);
}

void run::conclude(bool final) noexcept {
    outcome out;
    out.status = *status_;
    out.exited = exited_;
    out.finished = final ? finished_ : now();
    out.final = final;
    out.cut_short = cut_short_;
    out.forwarded = forwarded();
    ended_ = out;
}

void run::replay_tail() noexcept {
    if (!record_ || !forwards_ || abandoned_ || ended_) return;
    try {
        const forward::counters shown = forwarded();
        const std::string text =
            replay_text(replay_request_.policy, replay_request_.command, *status_, *record_, shown);
        if (text.empty()) return;
        replay_ = std::make_unique<replay>(replay_request_.fd, forward_settings_, *out_, text);
        // A stderr that was stuck has been waited for already: it gets what it takes at once. One
        // that failed is tried again, and waited for.
        const bool stuck = shown.dropped != 0 && out_->failed() == 0;
        if (stuck || cut_short_) replay_->stream().flush(now());
    } catch (const std::exception&) {
        // Out of memory: the record has it all the same.
    }
}

void run::cut_short() noexcept {
    cut_short_ = true;
    if (phase_ == phase::flushing && forwards_) forwards_->stream().abandon();
    if (phase_ == phase::replaying && replay_) replay_->stream().abandon();
}

status run::abandon() noexcept {
    if (!home_.here()) return {};
    abandoned_ = true;
    cut_short_ = true;
    status done;
    if (child_ && !status_) {
        done = child_->kill_now();
        if (!done) {
            // Not waited for: it may run for as long as it likes, and would hold the driver.
            child_->disown();
            status_ = exit_status::lost(done.error().sys_errno);
            exited_ = now();
            if (channel_) channel_->child_exited();
        }
    }
    if (forwards_) forwards_->stream().abandon();
    return done;
}

}  // namespace fd2::runs
