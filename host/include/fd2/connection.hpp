// The sync transport: a child, its wire and its stderr.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "fd2/api.hpp"
#include "fd2/exit_report.hpp"
#include "fd2/exit_status.hpp"
#include "fd2/host.hpp"
#include "fd2/snapshot.hpp"
#include "fd2/ssh_command.hpp"
#include "fd2/stderr_lines.hpp"
#include "fd2/wire.hpp"

namespace fd2 {

namespace detail {

/// `limit` from now on; `max` if the clock cannot represent that.
template <class Rep, class Period>
std::chrono::steady_clock::time_point deadline_after(std::chrono::duration<Rep, Period> limit) {
    using clock = std::chrono::steady_clock;
    const auto now = clock::now();
    const std::chrono::duration<double> left = clock::time_point::max() - now;
    if (limit >= left) return clock::time_point::max();
    return now + std::chrono::ceil<clock::duration>(limit);
}

}  // namespace detail

/// A running child without its wire. Movable; calls on a moved-from object fail with `state`.
///
/// The destructor never throws. A child that was not waited for is ended by the command's stop
/// actions: by default it gets 100 ms to end by itself, then SIGKILL. It is collected; what it
/// wrote to stderr by then is in the record, and is surfaced (`surface`) if it failed by itself.
/// A child that cannot be killed (one that became another user), or that does not end within 10 s
/// of SIGKILL, is abandoned, and the host's observer is told. In a fork of the program the
/// destructor does nothing.
/// [one thread at a time; `snapshot`, `stderr_output` and `kill` also from other threads]
class FD2_API SshChild {
  public:
    SshChild(SshChild&&) noexcept;
    SshChild& operator=(SshChild&&) noexcept;
    ~SshChild();

    pid_t pid() const noexcept;

    /// The newest `capture.tail` bytes of its stderr; empty if it inherited ours. In every state,
    /// also after the end.
    std::string stderr_output() const;
    fd2::snapshot snapshot() const;
    /// The record behind both; it outlives the child.
    stderr_record record() const;

    /// Lines from the next whole one on; `first()` of the result is its number. A subscription
    /// made after the end is already finished.
    stderr_lines subscribe(line_filter filter = {},
                           std::size_t capacity = stderr_lines::default_capacity);

    /// How the child ended, if it has. Does not wait; call `wait` nevertheless.
    std::optional<exit_status> try_wait();
    std::optional<exit_status> try_wait(std::error_code& failed);

    /// Waits for the child's end and for the end of its stderr: for EOF, or, if another process
    /// holds it, for `finish.linger`. Every byte that the child itself wrote is then in the record.
    /// A second wait returns the same report.
    exit_report wait();
    exit_report wait(std::error_code& failed);
    /// The same with a limit. Empty: the child had not ended by then; it is untouched, and may be
    /// waited for again. The limit is for the child's exit; what follows has limits of its own
    /// (`finish.linger-max`, `forward.stall`).
    template <class Rep, class Period>
    std::optional<exit_report> wait_for(std::chrono::duration<Rep, Period> limit) {
        return wait_until(detail::deadline_after(limit));
    }
    template <class Rep, class Period>
    std::optional<exit_report> wait_for(std::chrono::duration<Rep, Period> limit,
                                        std::error_code& failed) {
        return wait_until(detail::deadline_after(limit), failed);
    }
    std::optional<exit_report> wait_until(std::chrono::steady_clock::time_point deadline);
    std::optional<exit_report> wait_until(std::chrono::steady_clock::time_point deadline,
                                          std::error_code& failed);

    /// Ends the child by `actions`, and waits as `wait` does. The zero value stands for the
    /// command's stop actions, or their default. Empty: it has not ended after the last of them.
    std::optional<exit_report> stop(const stop_actions& actions = {});
    std::optional<exit_report> stop(const stop_actions& actions, std::error_code& failed);

    std::pair<exit_report, fd2::snapshot> wait_with_stderr();
    std::pair<exit_report, fd2::snapshot> wait_with_stderr(std::error_code& failed);

    /// Sends a signal to the child (not to its group, nor to its own children). ESRCH once it has
    /// been collected.
    void kill(int signal);
    void kill(int signal, std::error_code& failed) noexcept;

  private:
    friend class child_access;
    explicit SshChild(std::unique_ptr<class sync_child> state) noexcept;
    std::unique_ptr<class sync_child> state_;
};

/// What `SshConnection::split` returns. In this order, so that the wire is closed before the child
/// is destroyed, which may wait for EOF on its stdin.
struct split_connection {
    SshChild child;
    wire_writer in;
    wire_reader out;
};

/// A running child with its wire. Movable. The destructor, and an assignment over it, close the
/// wire; then as SshChild.
class FD2_API SshConnection {
  public:
    SshConnection(SshConnection&&) noexcept = default;
    SshConnection& operator=(SshConnection&& other) noexcept;
    ~SshConnection() = default;

    wire_writer& in() noexcept { return parts_.in; }    ///< to the child's stdin
    wire_reader& out() noexcept { return parts_.out; }  ///< from the child's stdout

    pid_t pid() const noexcept { return parts_.child.pid(); }
    std::string stderr_output() const { return parts_.child.stderr_output(); }
    fd2::snapshot snapshot() const { return parts_.child.snapshot(); }
    stderr_record record() const { return parts_.child.record(); }
    stderr_lines subscribe(line_filter filter = {},
                           std::size_t capacity = stderr_lines::default_capacity) {
        return parts_.child.subscribe(std::move(filter), capacity);
    }
    std::optional<exit_status> try_wait() { return parts_.child.try_wait(); }
    std::optional<exit_status> try_wait(std::error_code& failed) {
        return parts_.child.try_wait(failed);
    }
    void kill(int signal) { parts_.child.kill(signal); }
    void kill(int signal, std::error_code& failed) noexcept { parts_.child.kill(signal, failed); }

    /// As SshChild::wait, after closing `in()`: a child that waits for the end of its stdin would
    /// never end. `out()` stays open; read it to its end *before*, because a child that fills it
    /// does not end either.
    exit_report wait();
    exit_report wait(std::error_code& failed);
    std::pair<exit_report, fd2::snapshot> wait_with_stderr();
    std::pair<exit_report, fd2::snapshot> wait_with_stderr(std::error_code& failed);
    /// As those of SshChild, likewise after closing `in()`.
    template <class Rep, class Period>
    std::optional<exit_report> wait_for(std::chrono::duration<Rep, Period> limit) {
        return wait_until(detail::deadline_after(limit));
    }
    template <class Rep, class Period>
    std::optional<exit_report> wait_for(std::chrono::duration<Rep, Period> limit,
                                        std::error_code& failed) {
        return wait_until(detail::deadline_after(limit), failed);
    }
    std::optional<exit_report> wait_until(std::chrono::steady_clock::time_point deadline);
    std::optional<exit_report> wait_until(std::chrono::steady_clock::time_point deadline,
                                          std::error_code& failed);
    std::optional<exit_report> stop(const stop_actions& actions = {});
    std::optional<exit_report> stop(const stop_actions& actions, std::error_code& failed);

    /// The wire's halves and the child, each for an owner (a thread) of its own. The connection is
    /// then empty.
    split_connection split() && noexcept { return std::move(parts_); }

  private:
    friend class child_access;
    explicit SshConnection(split_connection parts) noexcept : parts_(std::move(parts)) {}
    split_connection parts_;
};

/// Starts `command` with a channel for its stderr, by the settings of `context` for the sync
/// transport. Returns once the program runs. Errors come from the configuration, the backends (only
/// if inheriting is not allowed) and the spawn; no child is left then. Takes over the command's
/// subscriptions.
FD2_API SshConnection spawn(const host& context, ssh_command& command);
/// `*why`, if given, is what `error::what` would say.
FD2_API std::optional<SshConnection> spawn(const host& context, ssh_command& command,
                                           std::error_code& failed, std::string* why = nullptr);

}  // namespace fd2
