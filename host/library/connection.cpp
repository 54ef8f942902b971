#include <fd2/connection.hpp>

#include <signal.h>

#include <memory>
#include <utility>

#include "forward/posix/sigpipe.hpp"
#include "library/command_access.hpp"
#include "library/failing.hpp"
#include "library/host_state.hpp"
#include "library/line_queue.hpp"
#include "library/opening.hpp"
#include "library/record_state.hpp"
#include "library/starting.hpp"
#include "transport/ending.hpp"
#include "transport/surfacing.hpp"

namespace fd2 {

namespace {

// How long a child that nobody waits for may take to end by itself, its stdin being closed: an ssh
// that is about to go needs a round trip.
constexpr nanoseconds_t grace = 100 * millisecond;

std::chrono::nanoseconds span(nanoseconds_t from, nanoseconds_t to) {
    return std::chrono::nanoseconds(to - from);
}

}  // namespace

/// One child of the sync transport.
class sync_child {
  public:
    sync_child(std::shared_ptr<host_state> on, process::child child, opening opened,
               std::shared_ptr<transport::end_signal> ended, std::string command)
        : host_(std::move(on)),
          child_(std::move(child)),
          carried_(std::move(opened.carried)),
          record_(std::move(opened.record)),
          ended_(std::move(ended)),
          command_(std::move(command)),
          started_(now()) {}

    ~sync_child() {
        if (!waited_) give_up();
    }
    sync_child(const sync_child&) = delete;
    sync_child& operator=(const sync_child&) = delete;

    const std::shared_ptr<record_state>& record() const noexcept { return record_; }
    pid_t pid() const noexcept { return child_.pid(); }
    status kill(int signal) { return child_.kill(signal); }

    result<std::optional<exit_status>> try_wait() {
        if (child_.ended()) return child_.ended();
        return child_.try_wait();
    }

    result<exit_report> wait() {
        if (waited_) return failure{errc::state, 0, "wait: the child was waited for before"};
        const auto& finish = host_->with().finish;
        const transport::end_policy policy{
            finish.linger, finish.linger_max,
            finish.writers_remain == settings::writers_policy::follow};
        auto how = wait_to_end(policy);
        if (!how) return std::move(how).error();
        waited_ = true;
        surface(how->status, never);
        return report(*how);
    }

  private:
    result<transport::ending> wait_to_end(const transport::end_policy& policy) {
        const forward::sigpipe_blocked quiet;
        transport::running of{child_, carried_, ended_.get(), record_->forwards.get()};
        return transport::wait_to_end(of, policy);
    }

    exit_report report(const transport::ending& how) {
        exit_report out;
        out.status = how.status;
        out.final = how.final;
        out.ran = span(started_, how.exited);
        out.lasted = span(started_, how.finished);
        if (record_->bytes) {
            const capture::snapshot last = record_->bytes->look();
            out.end = last.end;
            out.end_errno = last.end_errno;
        }
        const forward::counters shown = record_->forwarded();
        out.forwarded_bytes = shown.forwarded;
        out.forward_dropped = shown.dropped;
        out.record = record_access::make(record_);
        if (carried_) host_->follow({ended_, record_->forwards, std::move(carried_)});
        return out;
    }

    /// The tail, where the child failed and its stderr was not all seen.
    void surface(exit_status how, nanoseconds_t deadline) {
        if (!record_->bytes) return;
        const auto& with = host_->with();
        const forward::counters shown = record_->forwarded();
        const std::string text =
            transport::surfaced_text(with.surface, command_, how, record_->bytes->look(), shown);
        if (text.empty()) return;
        const forward::sigpipe_blocked quiet;
        transport::surfacing out(host_->stderr_fd(), with.forward, host_->forwarder(), text);
        out.stream().flush(shown.dropped == 0 ? deadline : now());
    }

    /// Nobody waits: the child ends by itself at once, or is ended.
    void give_up() noexcept {
        try {
            bool killed = false;
            auto end = child_.ended() ? result<exit_status>(*child_.ended())
                                      : child_.wait(after(now(), grace));
            if (!end && !child_.ended()) {
                killed = true;
                (void)child_.kill(SIGKILL);
                end = child_.wait();
            }
            const auto how = wait_to_end({0, 0, false});
            if (how && !killed) surface(how->status, after(now(), grace));
        } catch (const std::exception&) {
            // Out of memory: the members' destructors do what must be done.
        }
        if (carried_ && record_->forwards) record_->forwards->attach({});
    }

    std::shared_ptr<host_state> host_;
    process::child child_;
    std::unique_ptr<channel::channel> carried_;
    std::shared_ptr<record_state> record_;
    std::shared_ptr<transport::end_signal> ended_;
    const std::string command_;
    const nanoseconds_t started_;
    bool waited_ = false;
};

class child_access {
  public:
    static result<SshConnection> spawn(const host& on, ssh_command& command) {
        const auto& state = host_access::state(on);
        early_subscribers subscribers(command);
        std::shared_ptr<transport::end_signal> ended;
        std::shared_ptr<transport::forwarding> forwards;
        auto opened =
            open_stderr(*state, command, settings::transport_kind::sync,
                        [&](channel::channel_setup& setup) -> status {
                            auto made = transport::end_signal::make();
                            if (!made) return std::move(made).error();
                            ended = std::make_shared<transport::end_signal>(std::move(*made));
                            forwards = std::make_shared<transport::forwarding>(state->forwarder());
                            setup.bytes = forwards.get();
                            setup.on_ended = [raise = ended] { raise->raise(); };
                            return {};
                        });
        if (!opened) return std::move(opened).error();
        if (opened->carried) {
            forwards->attach([to = opened->carried.get()] { to->room(channel::pauser::bytes); });
            opened->record->forwards = std::move(forwards);
        }
        subscribers.attach(*opened->record);
        auto made = start(command, opened->child_end.get());
        if (!made) {
            if (opened->carried) opened->record->forwards->attach({});
            return std::move(made).error();
        }
        opened->child_end.reset();
        auto child = std::make_unique<sync_child>(state, std::move(made->child), std::move(*opened),
                                                  std::move(ended), command.argv().front());
        return SshConnection({SshChild(std::move(child)), wire_writer(made->in.release()),
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
    return {errc::state, 0, "the child was moved elsewhere"};
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
    return state_ ? state_->record()->look() : fd2::snapshot{};
}

stderr_record SshChild::record() const {
    return state_ ? record_access::make(state_->record()) : stderr_record();
}

stderr_lines SshChild::subscribe(line_filter filter, std::size_t capacity) {
    return subscribe_to(state_ ? state_->record()->bytes : nullptr, std::move(filter), capacity);
}

std::optional<exit_status> SshChild::try_wait() {
    return must(state_ ? state_->try_wait() : moved_from());
}

std::optional<exit_status> SshChild::try_wait(std::error_code& failed) {
    return value_or_code(state_ ? state_->try_wait() : moved_from(), failed, {});
}

exit_report SshChild::wait() {
    return must(state_ ? state_->wait() : moved_from());
}

exit_report SshChild::wait(std::error_code& failed) {
    return value_or_code(state_ ? state_->wait() : moved_from(), failed, {});
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
    must(state_ ? state_->kill(signal) : status(moved_from()));
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

SshConnection spawn(const host& on, ssh_command& command) {
    return must(child_access::spawn(on, command));
}

std::optional<SshConnection> spawn(const host& on, ssh_command& command, std::error_code& failed,
                                   std::string* why) {
    failed.clear();
    auto made = child_access::spawn(on, command);
    if (made) return std::move(*made);
    failed = code_of(made.error());
    if (why) *why = made.error().message;
    return std::nullopt;
}

}  // namespace fd2
