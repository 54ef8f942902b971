#include <fd2/run.hpp>

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include "base/files.hpp"
#include "library/command_access.hpp"
#include "library/failing.hpp"
#include "library/host_state.hpp"
#include "library/stopping.hpp"
#include "library/sync_access.hpp"
#include "run/end_policy.hpp"

namespace fd2 {

namespace {

constexpr stop_actions kill_soon = {
    {stop::wait, std::chrono::milliseconds(100)}, {stop::kill, {}}, {}};

// A child that has become another user's cannot be killed.
constexpr std::chrono::milliseconds unkillable_after{10'000};

/// Input in, output out, until the child has ended and its stdout is over.
class exchange {
  public:
    exchange(SshConnection& connection, const run_options& options, const stop_actions& stop,
             const runs::end_policy& policy, run_result& outcome)
        : connection_(connection),
          child_(process_of(connection)),
          options_(options),
          policy_(policy),
          steps_(stopping::is_zero(stop) ? kill_soon : stop),
          outcome_(outcome),
          input_(options.input) {}

    status go() {
        if (auto good = prepare(); !good) return good;
        while (!done()) {
            if (auto good = turn(); !good) return good;
        }
        return {};
    }

  private:
    status prepare() {
        const std::chrono::nanoseconds limit = options_.timeout;
        if (limit.count() != 0) deadline_ = after(now(), std::max<nanoseconds_t>(0, limit.count()));
        // Without a pidfd we can only wait for the end of stdout and then for the child: no
        // deadline could be kept.
        if (auto good = child_.ensure_pidfd(); !good && deadline_ != never) return good;
        if (input_.empty()) connection_.in().close();
        for (const auto& [fd, what] :
             {std::pair(connection_.in().native_handle(), "the child's stdin"),
              std::pair(connection_.out().native_handle(), "the child's stdout")}) {
            if (fd < 0) continue;  // closed
            if (const int why = set_non_blocking(fd)) return system_failure("fcntl", what, why);
        }
        return {};
    }

    bool done() const {
        if (connection_.out().is_open()) return exited_ && owed_ <= 0 && now() >= limit();
        return exited_ || (child_.pidfd() < 0 && !connection_.in().is_open());
    }

    /// Until when to wait for what comes next.
    nanoseconds_t limit() const {
        if (exited_) return runs::linger_until(policy_, *exited_, last_byte_);
        return outcome_.timed_out ? steps_.until() : deadline_;
    }

    status turn() {
        std::array<pollfd, 3> ready{{{connection_.in().native_handle(), POLLOUT, 0},
                                     {connection_.out().native_handle(), POLLIN, 0},
                                     {exited_ ? -1 : child_.pidfd(), POLLIN, 0}}};
        if (::poll(ready.data(), ready.size(), poll_timeout(limit(), now())) < 0) {
            if (errno == EINTR) return {};
            return system_failure("poll", "child", errno);
        }
        if (ready[0].revents != 0) write();
        if (ready[1].revents != 0) {
            if (auto good = read(); !good) return good;
        }
        if (ready[2].revents != 0) {
            if (auto good = note_exit(); !good) return good;
        }
        if (!exited_ && now() >= limit()) return stop_child();
        return {};
    }

    void write() {
        const std::ptrdiff_t count =
            write_quietly(connection_.in().native_handle(), input_.data(), input_.size());
        if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
        // A child that reads no more is no error.
        input_.remove_prefix(count < 0 ? input_.size() : static_cast<std::size_t>(count));
        if (input_.empty()) connection_.in().close();
    }

    status read() {
        std::array<char, 64 * 1024> chunk;
        const ssize_t got = ::read(connection_.out().native_handle(), chunk.data(), chunk.size());
        if (got < 0) {
            if (errno == EAGAIN || errno == EINTR) return {};
            return system_failure("read", "the child's stdout", errno);
        }
        if (got == 0) {
            connection_.out().close();
            return {};
        }
        last_byte_ = now();
        owed_ -= got;
        const auto size = static_cast<std::size_t>(got);
        const std::size_t space = options_.out_limit == 0
                                      ? size
                                      : std::min(size, options_.out_limit - outcome_.out.size());
        outcome_.out.append(chunk.data(), space);
        outcome_.out_dropped += size - space;
        return {};
    }

    status note_exit() {
        auto end = child_.try_wait();
        if (!end) return std::move(end).error();
        if (!*end) return {};
        exited_ = now();
        // All that the child wrote is in the pipe by now.
        int lying = 0;
        if (connection_.out().is_open() &&
            ::ioctl(connection_.out().native_handle(), FIONREAD, &lying) < 0) {
            return system_failure("ioctl", "the child's stdout", errno);
        }
        owed_ = lying;
        return {};
    }

    status stop_child() {
        if (!std::exchange(outcome_.timed_out, true)) connection_.in().close();
        int signal = steps_.next(now());
        if (steps_.over() && !std::exchange(killed_, true)) {
            // The actions were not enough; what it has said so far is wanted all the same.
            steps_ = stopping({{stop::kill, unkillable_after}, {}, {}});
            signal = steps_.next(now());
        }
        if (steps_.over()) {
            return failure{errc::timedout, ETIMEDOUT, "run: the child did not end after SIGKILL"};
        }
        return signal != 0 ? child_.kill(signal) : status();
    }

    SshConnection& connection_;
    process::child& child_;
    const run_options& options_;
    const runs::end_policy policy_;
    stopping steps_;
    run_result& outcome_;
    std::string_view input_;
    nanoseconds_t deadline_ = never;
    bool killed_ = false;  ///< the stop actions are over
    std::optional<nanoseconds_t> exited_;
    nanoseconds_t last_byte_ = 0;
    ssize_t owed_ = 0;  ///< bytes of its own that were not read yet, since its exit
};

result<run_result> run_to_end(const host& context, ssh_command& command,
                              const run_options& options) {
    if (!options.input.empty() &&
        command_access::standard_input(command).what() != stdio::kind::pipe) {
        return failure{errc::invalid, 0,
                       "run: input was given, but the child's stdin is not a pipe"};
    }
    std::error_code failed;
    std::string why;
    auto connection = spawn(context, command, failed, &why);
    if (!connection) return failure{kind_of(failed), errno_of(failed), std::move(why)};
    const auto finish = host_access::state(context)->config()->finish;
    run_result out;
    exchange both(*connection, options, command_access::stop(command),
                  {finish.linger, finish.linger_max, false}, out);
    if (auto good = both.go(); !good) return std::move(good).error();
    out.report = connection->wait(failed);
    if (failed) return failure{kind_of(failed), errno_of(failed), "wait: " + failed.message()};
    out.err = out.report.record.snapshot();
    return out;
}

}  // namespace

run_result run(const host& context, ssh_command& command, const run_options& options) {
    return value_or_throw(run_to_end(context, command, options));
}

std::optional<run_result> run(const host& context, ssh_command& command, const run_options& options,
                              std::error_code& failed, std::string* why) {
    failed.clear();
    auto made = run_to_end(context, command, options);
    if (made) return std::move(*made);
    failed = code_of(made.error());
    if (why) *why = made.error().message;
    return std::nullopt;
}

}  // namespace fd2
