#include <fd2/loop_child.hpp>

#include <fcntl.h>

#include <cerrno>
#include <mutex>
#include <utility>

#include "library/failing.hpp"
#include "library/host_state.hpp"
#include "library/line_queue.hpp"
#include "library/opening.hpp"
#include "library/record_state.hpp"
#include "library/starting.hpp"
#include "transport/driven.hpp"

namespace fd2 {

static_assert(static_cast<unsigned>(stderr_ready) ==
              static_cast<unsigned>(transport::stderr_ready));
static_assert(static_cast<unsigned>(exit_ready) == static_cast<unsigned>(transport::exit_ready));

namespace {

status make_non_blocking(int fd, const char* what) {
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
        return system_failure("fcntl", what, errno);
    }
    return {};
}

std::chrono::steady_clock::time_point point(nanoseconds_t at) {
    if (at == never) return std::chrono::steady_clock::time_point::max();
    return std::chrono::steady_clock::time_point(std::chrono::nanoseconds(at));
}

transport::end_policy policy_of(const settings::finish_settings& with) {
    return {with.linger, with.linger_max, with.writers_remain == settings::writers_policy::follow};
}

}  // namespace

/// One child of the async transport.
class async_child {
  public:
    static result<std::unique_ptr<async_child>> make(const std::shared_ptr<host_state>& on,
                                                     ssh_command& command,
                                                     std::function<void()> bell) {
        early_subscribers subscribers(command);
        auto out = std::unique_ptr<async_child>(new async_child(on, std::move(bell)));
        auto opened = open_stderr(*on, command, settings::transport_kind::async,
                                  [&](channel::channel_setup& setup) -> status {
                                      out->driven_.prepare(setup, on->forwarder());
                                      return {};
                                  });
        if (!opened) return std::move(opened).error();
        out->record_ = opened->record;
        if (opened->carried) {
            out->record_->forwards = out->driven_.forwards();
            out->driven_.carry(std::move(opened->carried));
        }
        subscribers.attach(*out->record_);
        auto made = start(command, opened->child_end.get());
        if (!made) return std::move(made).error();
        out->started_ = now();
        if (auto good = made->child.ensure_pidfd(); !good) return std::move(good).error();
        if (auto good = make_non_blocking(made->in.get(), "the child's stdin"); !good)
            return good.error();
        if (auto good = make_non_blocking(made->out.get(), "the child's stdout"); !good)
            return good.error();
        out->in_ = std::move(made->in);
        out->out_ = std::move(made->out);
        auto surface = [policy = on->with().surface, program = command.argv().front()](
                           exit_status how, const capture::snapshot& record,
                           const forward::counters& forwarded) {
            return transport::surfaced_text(policy, program, how, record, forwarded);
        };
        out->driven_.run(std::move(made->child), std::move(surface), on->stderr_fd(),
                         on->with().forward, on->forwarder());
        return out;
    }

    loop_wants step(unsigned events) noexcept {
        const transport::loop_wants next = driven_.step(events);
        publish();
        loop_wants out;
        out.stderr_fd = next.stderr_fd;
        out.watch_stderr = next.watch_stderr;
        out.exit_fd = next.exit_fd;
        out.deadline = point(next.deadline);
        out.soon = next.soon;
        out.over = next.over;
        return out;
    }

    void abandon() noexcept { driven_.abandon(); }

    const std::shared_ptr<record_state>& record() const noexcept { return record_; }
    pid_t pid() { return driven_.child().pid(); }
    status kill(int signal) { return driven_.child().kill(signal); }
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
    async_child(std::shared_ptr<host_state> on, std::function<void()> bell)
        : host_(std::move(on)), driven_(policy_of(host_->with().finish), std::move(bell)) {}

    /// Shows other threads what the step has found out.
    void publish() {
        const bool news = driven_.exited() && !seen_exit_;
        const bool done = driven_.ended() && !(report_ && report_->final);
        if (!news && !done) return;
        std::optional<exit_report> made;
        if (done) made = make_report(*driven_.ended());
        const std::lock_guard lock(mutex_);
        exited_ = driven_.exited();
        seen_exit_ = true;
        if (made) report_ = std::move(made);
    }

    exit_report make_report(const transport::driven_ending& how) const {
        exit_report out;
        out.status = how.status;
        out.final = how.final;
        out.ran = std::chrono::nanoseconds(how.exited - started_);
        out.lasted = std::chrono::nanoseconds(how.finished - started_);
        if (record_->bytes) {
            const capture::snapshot last = record_->bytes->look();
            out.end = last.end;
            out.end_errno = last.end_errno;
        }
        out.forwarded_bytes = how.forwarded.forwarded;
        out.forward_dropped = how.forwarded.dropped;
        out.record = record_access::make(record_);
        return out;
    }

    std::shared_ptr<host_state> host_;
    std::shared_ptr<record_state> record_;
    transport::driven driven_;
    unique_fd in_;
    unique_fd out_;
    nanoseconds_t started_ = 0;
    bool seen_exit_ = false;
    mutable std::mutex mutex_;
    std::optional<exit_status> exited_;
    std::optional<exit_report> report_;
};

loop_child::loop_child(std::unique_ptr<async_child> state) noexcept : state_(std::move(state)) {}
loop_child::~loop_child() = default;

std::unique_ptr<loop_child> loop_child::spawn(const host& on, ssh_command& command,
                                              std::function<void()> bell) {
    auto made = async_child::make(host_access::state(on), command, std::move(bell));
    return std::unique_ptr<loop_child>(new loop_child(must(std::move(made))));
}

std::unique_ptr<loop_child> loop_child::spawn(const host& on, ssh_command& command,
                                              std::function<void()> bell, std::error_code& failed,
                                              std::string* why) {
    failed.clear();
    auto made = async_child::make(host_access::state(on), command, std::move(bell));
    if (made) return std::unique_ptr<loop_child>(new loop_child(std::move(*made)));
    failed = code_of(made.error());
    if (why) *why = made.error().message;
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
    return state_->record()->look();
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
    must(state_->kill(signal));
}

void loop_child::kill(int signal, std::error_code& failed) noexcept {
    failed.clear();
    const status done = state_->kill(signal);
    if (!done) failed = code_of(done.error());
}

}  // namespace fd2
