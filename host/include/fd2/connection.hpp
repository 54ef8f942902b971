// The sync transport: a child, its wire, and its stderr beside it.
#pragma once

#include <sys/types.h>

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

/// A running child without its wire. Movable. What was moved from, or waited for, answers every
/// further wait with `state`.
///
/// The destructor never throws. Of a child that was not waited for it gives 100 ms to end by
/// itself, then kills it with SIGKILL, and collects it; what it wrote to stderr by then is in the
/// record, and is surfaced (`surface`) if it failed by itself.
/// [one thread at a time; `snapshot`, `stderr_output` and `kill` any thread beside it]
class FD2_API SshChild {
  public:
    SshChild(SshChild&&) noexcept;
    SshChild& operator=(SshChild&&) noexcept;
    ~SshChild();

    pid_t pid() const noexcept;

    /// The newest `capture.tail` bytes of its stderr; empty where it inherited ours. In every
    /// state, also after the end.
    std::string stderr_output() const;
    fd2::snapshot snapshot() const;
    /// The record behind both; it outlives the child.
    stderr_record record() const;

    /// Lines from the next whole one on; `first()` of the result is its number. One that comes
    /// after the end is finished.
    stderr_lines subscribe(line_filter filter = {},
                           std::size_t capacity = stderr_lines::default_capacity);

    /// How the child ended, if it has. Does not wait; `wait` is to be called all the same.
    std::optional<exit_status> try_wait();
    std::optional<exit_status> try_wait(std::error_code& failed);

    /// Waits for the child's end and for the end of its stderr: for EOF, or, where somebody else
    /// holds it, for `finish.linger`. Every byte that the child itself wrote is in the record then.
    /// Once: a second wait is `state`.
    exit_report wait();
    exit_report wait(std::error_code& failed);
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

/// What `SshConnection::split` returns. In this order, because the wire is to be closed before a
/// child is let go of that may wait for its end.
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

    /// The wire's halves and the child, for one owner (a thread) each. The connection is empty
    /// then.
    split_connection split() && noexcept { return std::move(parts_); }

  private:
    friend class child_access;
    explicit SshConnection(split_connection parts) noexcept : parts_(std::move(parts)) {}
    split_connection parts_;
};

/// Starts `command` with a channel for its stderr, by the settings of `on` for the sync transport.
/// Returns once the program runs. Errors: what the configuration, the backends (only where
/// inheriting is not allowed) and the spawn say; then no child is left. Takes the subscribers that
/// the command holds.
FD2_API SshConnection spawn(const host& on, ssh_command& command);
/// `*why`, if given, is what `error::what` would say.
FD2_API std::optional<SshConnection> spawn(const host& on, ssh_command& command,
                                           std::error_code& failed, std::string* why = nullptr);

}  // namespace fd2
