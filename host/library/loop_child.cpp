#include <fd2/loop_child.hpp>

#include <algorithm>
#include <mutex>
#include <utility>

#include "base/files.hpp"
#include "base/signal_mask.hpp"
#include "library/command_access.hpp"
#include "library/failing.hpp"
#include "library/host_state.hpp"
#include "library/launch.hpp"
#include "library/line_queue.hpp"
#include "library/record_state.hpp"
#include "library/stopping.hpp"
#include "run/run.hpp"

namespace fd2 {

namespace {

constexpr stop_actions kill_at_once = {{stop::kill, {}}, {}, {}};

}  // namespace

/// One child of the async transport.
class async_child {
  public:
    static result<std::unique_ptr<async_child>> make(const std::shared_ptr<host_state>& context,
                                                     ssh_command& command,
                                                     std::function<void()> bell) {
        auto out = std::unique_ptr<async_child>(new async_child(context, std::move(bell)));
        auto made = launch(*context, command, settings::transport_kind::async, out->run_);
        if (!made) return std::move(made).error();
        out->record_ = std::move(made->record);
        out->listed_ = std::move(made->listed);
        if (auto good = out->run_.child().ensure_pidfd(); !good) return std::move(good).error();
        for (const auto& [end, what] : {std::pair(made->in.get(), "the child's stdin"),
                                        std::pair(made->out.get(), "the child's stdout")}) {
            if (end < 0) continue;  // no pipe
            if (const int why = set_non_blocking(end)) return system_failure("fcntl", what, why);
        }
        out->when_abandoned_ = command_access::stop(command);
        out->in_ = std::move(made->in);
        out->out_ = std::move(made->out);
        return out;
    }

    loop_wants step(unsigned events) noexcept {
        const sigpipe_blocked quiet;
        loop_wants next = run_.step(events);
        if (steps_ && go_on_stopping()) next = run_.step(nothing);
        publish();
        if (steps_) next.deadline = std::min(next.deadline, time_point_of(steps_->until()));
        return next;
    }

    void stop(const stop_actions& actions) noexcept {
        const bool own = stopping::is_zero(actions);
        steps_.emplace(!own                                 ? actions
                       : stopping::is_zero(when_abandoned_) ? kill_at_once
                                                            : when_abandoned_);
    }

    void abandon() noexcept {
        abandoned_ = true;
        if (stopping::is_zero(when_abandoned_)) {
            let_go();
        } else {
            steps_.emplace(when_abandoned_);
        }
    }

    const std::shared_ptr<record_state>& record() const noexcept { return record_; }
    pid_t pid() { return run_.child().pid(); }
    status kill(int signal) { return run_.child().kill(signal); }
    unique_fd& in() noexcept { return in_; }
    unique_fd& out() noexcept { return out_; }

    std::optional<exit_status> exited() const {
        const std::lock_guard lock(mutex_);
        return exited_;
    }

    std::optional<exit_report> report() const {
        const std::lock_guard lock(mutex_);
        return report_;
    }

  private:
    async_child(std::shared_ptr<host_state> context, std::function<void()> bell)
        : host_(std::move(context)), run_(end_policy_of(*host_->config()), std::move(bell)) {}

    void let_go() noexcept {
        if (auto done = run_.abandon(); !done) {
            host_->tell(severity::error, done.error().message + "; it is abandoned");
        }
    }

    /// The actions that are due. True: the child was abandoned meanwhile, and there is more to do.
    bool go_on_stopping() noexcept {
        while (!run_.child_exit() && now() >= steps_->until()) {
            const int signal = steps_->next(now());
            if (steps_->over()) break;
            // It may have ended by now, or be somebody whom we may not kill: the next action, then.
            if (signal != 0) (void)run_.child().kill(signal);
        }
        if (!run_.child_exit() && !steps_->over()) return false;
        steps_.reset();
        if (abandoned_) let_go();
        return abandoned_;
    }

    /// Shows other threads what the step has found out.
    void publish() {
        const bool news = run_.child_exit() && !seen_exit_;
        const bool done = run_.ended() && !(report_ && report_->final);
        if (!news && !done) return;
        std::optional<exit_report> made;
        if (done) made = report_of(run_, record_);
        const std::lock_guard lock(mutex_);
        exited_ = run_.child_exit();
        seen_exit_ = true;
        if (made) report_ = std::move(made);
    }

    std::shared_ptr<host_state> host_;
    std::shared_ptr<record_state> record_;
    runs::run run_;
    std::unique_ptr<listed_child> listed_;
    unique_fd in_;
    unique_fd out_;
    bool seen_exit_ = false;
    stop_actions when_abandoned_;
    std::optional<stopping> steps_;
    bool abandoned_ = false;
    mutable std::mutex mutex_;
    std::optional<exit_status> exited_;
    std::optional<exit_report> report_;
};

loop_child::loop_child(std::unique_ptr<async_child> state) noexcept : state_(std::move(state)) {}
loop_child::~loop_child() = default;

std::unique_ptr<loop_child> loop_child::spawn(const host& context, ssh_command& command,
                                              std::function<void()> bell) {
    auto made = async_child::make(host_access::state(context), command, std::move(bell));
    return std::unique_ptr<loop_child>(new loop_child(value_or_throw(std::move(made))));
}

std::unique_ptr<loop_child> loop_child::spawn(const host& context, ssh_command& command,
                                              std::function<void()> bell, std::error_code& failed,
                                              std::string* why) {
    failed.clear();
    auto made = async_child::make(host_access::state(context), command, std::move(bell));
    if (made) return std::unique_ptr<loop_child>(new loop_child(std::move(*made)));
    failed = code_of(made.error());
    if (why) *why = text_of(made.error());
    return nullptr;
}

wire_writer loop_child::take_in() noexcept {
    return wire_writer(state_->in().release());
}

wire_reader loop_child::take_out() noexcept {
    return wire_reader(state_->out().release());
}

loop_wants loop_child::step(unsigned events) noexcept {
    return state_->step(events);
}

void loop_child::stop(const stop_actions& actions) noexcept {
    state_->stop(actions);
}

void loop_child::abandon() noexcept {
    state_->abandon();
}

pid_t loop_child::pid() const noexcept {
    return state_->pid();
}

std::string loop_child::stderr_output() const {
    return state_->record()->output();
}

fd2::snapshot loop_child::snapshot() const {
    return state_->record()->take_snapshot();
}

stderr_record loop_child::record() const {
    return record_access::make(state_->record());
}

stderr_lines loop_child::subscribe(line_filter filter, std::size_t capacity) {
    return subscribe_to(state_->record()->bytes, std::move(filter), capacity);
}

std::optional<exit_status> loop_child::exited() const {
    return state_->exited();
}

std::optional<exit_report> loop_child::report() const {
    return state_->report();
}

void loop_child::kill(int signal) {
    value_or_throw(state_->kill(signal));
}

void loop_child::kill(int signal, std::error_code& failed) noexcept {
    failed.clear();
    const status done = state_->kill(signal);
    if (!done) failed = code_of(done.error());
}

}  // namespace fd2
