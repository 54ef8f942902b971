#include "library/exchange.hpp"

#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <utility>

#include "base/files.hpp"
#include "library/sync_access.hpp"

namespace fd2 {

namespace {

class exchanging {
  public:
    exchanging(SshConnection& connection, const run_options& options, stopping steps,
               const runs::end_policy& policy, run_result& outcome)
        : connection_(connection),
          child_(process_of(connection)),
          options_(options),
          policy_(policy),
          late_(child_, steps),
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
        return outcome_.timed_out ? late_.until() : deadline_;
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
        take_output(outcome_, options_.out_limit, chunk.data(), static_cast<std::size_t>(got));
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
        return late_.next_step();
    }

    SshConnection& connection_;
    process::child& child_;
    const run_options& options_;
    const runs::end_policy policy_;
    late_child late_;
    run_result& outcome_;
    std::string_view input_;
    nanoseconds_t deadline_ = never;
    std::optional<nanoseconds_t> exited_;
    nanoseconds_t last_byte_ = 0;
    ssize_t owed_ = 0;  ///< bytes of its own that were not read yet, since its exit
};

}  // namespace

status exchange(SshConnection& connection, const run_options& options, stopping steps,
                const runs::end_policy& policy, run_result& outcome) {
    return exchanging(connection, options, steps, policy, outcome).go();
}

}  // namespace fd2
