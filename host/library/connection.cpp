#include <fd2/connection.hpp>

#include <memory>
#include <string>
#include <utility>

#include "base/home_process.hpp"
#include "library/command_access.hpp"
#include "library/failing.hpp"
#include "library/host_state.hpp"
#include "library/launch.hpp"
#include "library/line_queue.hpp"
#include "library/record_state.hpp"
#include "library/stopping.hpp"
#include "library/sync_access.hpp"
#include "run/poll_driver.hpp"

namespace fd2 {

namespace {

// How long a child that nobody waits for may take to end by itself, once its stdin is closed: an
// ssh that is about to end needs a round trip.
constexpr nanoseconds_t grace = 100 * millisecond;
constexpr stop_action by_itself = {stop::wait, std::chrono::milliseconds(grace / millisecond)};
constexpr stop_actions grace_alone = {by_itself, {}, {}};
constexpr stop_actions by_default = {by_itself, {stop::kill, {}}, {}};

}  // namespace

/// One child of the sync transport.
class sync_child {
  public:
    struct made {
        std::unique_ptr<sync_child> child;
        unique_fd in;
        unique_fd out;
    };

    static result<made> spawn(const std::shared_ptr<host_state>& context, ssh_command& command) {
        auto bell = runs::wakeup::make();
        made out;
        out.child.reset(
            new sync_child(context, bell ? *bell : nullptr, command_access::stop(command)));
        auto started = launch(*context, command, settings::transport_kind::sync, *out.child->run_,
                              bell ? nullptr : &bell.error());
        if (!started) return std::move(started).error();
        out.child->record_ = std::move(started->record);
        out.child->listed_ = std::move(started->listed);
        out.in = std::move(started->in);
        out.out = std::move(started->out);
        return out;
    }

    ~sync_child() {
        if (home_.here() && run_->spawned() && !report_) end_unwaited();
    }
    sync_child(const sync_child&) = delete;
    sync_child& operator=(const sync_child&) = delete;

    const std::shared_ptr<record_state>& record() const noexcept { return record_; }
    pid_t pid() const noexcept { return run_->child().pid(); }
    status kill(int signal) { return run_->child().kill(signal); }
    process::child& process() noexcept { return run_->child(); }

    result<std::optional<exit_status>> try_wait() {
        if (process().ended()) return process().ended();
        return process().try_wait();
    }

    result<exit_report> wait() {
        if (report_) return *report_;
        if (!home_.here()) {
            return failure{errc::state, 0, "wait: the child belongs to the parent process"};
        }
        runs::run_to_exit(*run_, bell_.get());
        report_ = report_of(*run_, record_);
        if (!report_->final) host_->follow(run_);
        return *report_;
    }

    result<std::optional<exit_report>> wait_until(nanoseconds_t deadline) {
        if (auto ended = ends_by(deadline); !ended || !*ended) return without_report(ended);
        return with_report(wait());
    }

    result<std::optional<exit_report>> stop(const stop_actions& actions) {
        auto ended = bring_to_end(stopping::is_zero(actions) ? stop_ : actions);
        if (!ended || !*ended) return without_report(ended);
        return with_report(wait());
    }

  private:
    static result<std::optional<exit_report>> without_report(result<bool>& ended) {
        if (!ended) return std::move(ended).error();
        return std::optional<exit_report>();
    }
    static result<std::optional<exit_report>> with_report(result<exit_report> got) {
        if (!got) return std::move(got).error();
        return std::optional<exit_report>(std::move(*got));
    }

    sync_child(std::shared_ptr<host_state> context, std::shared_ptr<runs::wakeup> bell,
               const stop_actions& stop)
        : host_(std::move(context)),
          bell_(std::move(bell)),
          run_(std::make_shared<runs::run>(end_policy_of(*host_->config()),
                                           [bell = bell_] {
                                               if (bell) bell->ring();
                                           })),
          stop_(stop) {}

    /// Whether the child has ended by `deadline`.
    result<bool> ends_by(nanoseconds_t deadline) {
        if (process().ended()) return true;
        auto end = process().wait(deadline);
        if (end) return true;
        if (end.error().code == errc::timedout) return false;
        return std::move(end).error();
    }

    /// Whether the child has ended when all actions were tried.
    result<bool> bring_to_end(const stop_actions& actions) {
        stopping steps(stopping::is_zero(actions) ? by_default : actions);
        for (;;) {
            const int signal = steps.next(now());
            if (steps.over()) return process().ended().has_value();
            if (signal != 0 && !process().ended()) {
                if (auto sent = kill(signal); !sent) return std::move(sent).error();
            }
            auto ended = ends_by(steps.until());
            if (!ended || *ended) return ended;
        }
    }

    /// Nobody waits: the child ends by itself at once, or is ended.
    void end_unwaited() noexcept {
        try {
            (void)bring_to_end(stopping::is_zero(stop_) ? grace_alone : stop_);
            if (!process().ended()) {
                run_->replay_to({});
                const pid_t number = pid();
                if (auto done = process().put_down(); !done) {
                    // Its stderr is let go of with the run.
                    host_->tell(severity::error, done.error().message + "; process " +
                                                     std::to_string(number) + " is abandoned");
                }
            }
            if (!process().ended()) return;
            run_->set_policy({0, 0, false});
            runs::run_to_exit(*run_, bell_.get());
        } catch (const std::exception&) {
            // Out of memory: the members' destructors do what must be done.
        }
    }

    const home_process home_;
    const std::shared_ptr<host_state> host_;
    const std::shared_ptr<runs::wakeup> bell_;
    const std::shared_ptr<runs::run> run_;  ///< the host's as well, once it is followed
    std::shared_ptr<record_state> record_;
    std::unique_ptr<listed_child> listed_;
    const stop_actions stop_;
    std::optional<exit_report> report_;  ///< of the first wait
};

class child_access {
  public:
    static process::child& process(SshConnection& connection) noexcept {
        return connection.parts_.child.state_->process();
    }

    static result<SshConnection> spawn(const host& context, ssh_command& command) {
        auto made = sync_child::spawn(host_access::state(context), command);
        if (!made) return std::move(made).error();
        return SshConnection({SshChild(std::move(made->child)), wire_writer(made->in.release()),
                              wire_reader(made->out.release())});
    }
};

namespace {

template <class T>
T value_or_code(result<T> got, std::error_code& failed, T empty) {
    failed.clear();
    if (got) return std::move(*got);
    failed = code_of(got.error());
    return empty;
}

failure moved_from() {
    return {errc::state, 0, "this object was moved from"};
}

}  // namespace

SshChild::SshChild(std::unique_ptr<sync_child> state) noexcept : state_(std::move(state)) {}
SshChild::SshChild(SshChild&&) noexcept = default;
SshChild& SshChild::operator=(SshChild&&) noexcept = default;
SshChild::~SshChild() = default;

pid_t SshChild::pid() const noexcept {
    return state_ ? state_->pid() : 0;
}

std::string SshChild::stderr_output() const {
    return state_ ? state_->record()->output() : std::string();
}

fd2::snapshot SshChild::snapshot() const {
    return state_ ? state_->record()->take_snapshot() : fd2::snapshot{};
}

stderr_record SshChild::record() const {
    return state_ ? record_access::make(state_->record()) : stderr_record();
}

stderr_lines SshChild::subscribe(line_filter filter, std::size_t capacity) {
    return subscribe_to(state_ ? state_->record()->bytes : nullptr, std::move(filter), capacity);
}

std::optional<exit_status> SshChild::try_wait() {
    return value_or_throw(state_ ? state_->try_wait() : moved_from());
}

std::optional<exit_status> SshChild::try_wait(std::error_code& failed) {
    return value_or_code(state_ ? state_->try_wait() : moved_from(), failed, {});
}

exit_report SshChild::wait() {
    return value_or_throw(state_ ? state_->wait() : moved_from());
}

exit_report SshChild::wait(std::error_code& failed) {
    return value_or_code(state_ ? state_->wait() : moved_from(), failed, {});
}

std::optional<exit_report> SshChild::wait_until(std::chrono::steady_clock::time_point deadline) {
    return value_or_throw(state_ ? state_->wait_until(deadline_of(deadline)) : moved_from());
}

std::optional<exit_report> SshChild::wait_until(std::chrono::steady_clock::time_point deadline,
                                                std::error_code& failed) {
    return value_or_code(state_ ? state_->wait_until(deadline_of(deadline)) : moved_from(), failed,
                         {});
}

std::optional<exit_report> SshChild::stop(const stop_actions& actions) {
    return value_or_throw(state_ ? state_->stop(actions) : moved_from());
}

std::optional<exit_report> SshChild::stop(const stop_actions& actions, std::error_code& failed) {
    return value_or_code(state_ ? state_->stop(actions) : moved_from(), failed, {});
}

std::pair<exit_report, fd2::snapshot> SshChild::wait_with_stderr() {
    exit_report report = wait();
    fd2::snapshot last = report.record.snapshot();
    return {std::move(report), std::move(last)};
}

std::pair<exit_report, fd2::snapshot> SshChild::wait_with_stderr(std::error_code& failed) {
    exit_report report = wait(failed);
    fd2::snapshot last = report.record.snapshot();
    return {std::move(report), std::move(last)};
}

void SshChild::kill(int signal) {
    value_or_throw(state_ ? state_->kill(signal) : status(moved_from()));
}

void SshChild::kill(int signal, std::error_code& failed) noexcept {
    failed.clear();
    const status done = state_ ? state_->kill(signal) : status(moved_from());
    if (!done) failed = code_of(done.error());
}

SshConnection& SshConnection::operator=(SshConnection&& other) noexcept {
    if (this != &other) {
        // Before the child goes that may wait for its end.
        parts_.in.close();
        parts_.out.close();
        parts_ = std::move(other.parts_);
    }
    return *this;
}

exit_report SshConnection::wait() {
    parts_.in.close();
    return parts_.child.wait();
}

exit_report SshConnection::wait(std::error_code& failed) {
    parts_.in.close();
    return parts_.child.wait(failed);
}

std::pair<exit_report, fd2::snapshot> SshConnection::wait_with_stderr() {
    parts_.in.close();
    return parts_.child.wait_with_stderr();
}

std::pair<exit_report, fd2::snapshot> SshConnection::wait_with_stderr(std::error_code& failed) {
    parts_.in.close();
    return parts_.child.wait_with_stderr(failed);
}

std::optional<exit_report> SshConnection::wait_until(
    std::chrono::steady_clock::time_point deadline) {
    parts_.in.close();
    return parts_.child.wait_until(deadline);
}

std::optional<exit_report> SshConnection::wait_until(std::chrono::steady_clock::time_point deadline,
                                                     std::error_code& failed) {
    parts_.in.close();
    return parts_.child.wait_until(deadline, failed);
}

std::optional<exit_report> SshConnection::stop(const stop_actions& actions) {
    parts_.in.close();
    return parts_.child.stop(actions);
}

std::optional<exit_report> SshConnection::stop(const stop_actions& actions,
                                               std::error_code& failed) {
    parts_.in.close();
    return parts_.child.stop(actions, failed);
}

process::child& process_of(SshConnection& connection) noexcept {
    return child_access::process(connection);
}

SshConnection spawn(const host& context, ssh_command& command) {
    return value_or_throw(child_access::spawn(context, command));
}

std::optional<SshConnection> spawn(const host& context, ssh_command& command,
                                   std::error_code& failed, std::string* why) {
    failed.clear();
    auto made = child_access::spawn(context, command);
    if (made) return std::move(*made);
    failed = code_of(made.error());
    if (why) *why = text_of(made.error());
    return std::nullopt;
}

}  // namespace fd2
