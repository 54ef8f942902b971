// A child for an event loop: it says what to wait for and is told what happened; it never waits.
//
// <fd2/async.hpp> is this, driven by Boost.Asio. Programs with another loop (libuv, GLib, sd-event,
// epoll by hand) drive it themselves:
//
//     auto child = fd2::loop_child::spawn(host, command, [&] { wake_my_loop(); });
//     for (unsigned events = 0;;) {
//         const fd2::loop_wants next = child->step(events);
//         if (next.over) break;
//         events = my_loop_waits_for(next);
//     }
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include "fd2/api.hpp"
#include "fd2/exit_report.hpp"
#include "fd2/host.hpp"
#include "fd2/loop_wants.hpp"
#include "fd2/snapshot.hpp"
#include "fd2/ssh_command.hpp"
#include "fd2/wire.hpp"

namespace fd2 {

/// The loop serialises `step`, `stop`, `abandon` and the destructor; every other member may be
/// called by any thread. The destructor kills a child that is still running and waits for its end,
/// 10 s at most; one that cannot be killed is abandoned. In a fork of the program it does nothing.
class FD2_API loop_child {
  public:
    /// Starts `command` by the settings of `context` for the async transport: with the flag
    /// `features.ssh-socketpair-stderr` off the child inherits our stderr and nothing is captured.
    /// `bell` is rung from any thread, until the destructor has returned: it must make the loop
    /// call `step` soon, and neither block nor throw. Errors as `fd2::spawn`; the async transport
    /// also needs a descriptor that reports the child's exit.
    static std::unique_ptr<loop_child> spawn(const host& context, ssh_command& command,
                                             std::function<void()> bell);
    static std::unique_ptr<loop_child> spawn(const host& context, ssh_command& command,
                                             std::function<void()> bell, std::error_code& failed,
                                             std::string* why = nullptr);
    ~loop_child();
    loop_child(const loop_child&) = delete;
    loop_child& operator=(const loop_child&) = delete;

    /// The ends of the wire, each to be taken once; both are non-blocking.
    wire_writer take_in() noexcept;
    wire_reader take_out() noexcept;

    /// `events`: bits of loop_event. [the loop]
    loop_wants step(unsigned events) noexcept;

    /// Begins to end the child by `actions`; the zero value stands for the command's stop actions,
    /// or SIGKILL at once. Steps do the rest, and report the child's end as usual. It may still be
    /// running after the last action. [the loop; a step follows]
    void stop(const stop_actions& actions = {}) noexcept;

    /// For a child that is no longer wanted: ends it by the command's stop actions, by default
    /// SIGKILL at once, and by SIGKILL in any case; no longer waits for its stderr or ours. Step
    /// until `over` to collect it. A child that cannot be killed is abandoned: the host's observer
    /// is told, and its end is not awaited. [the loop; a step follows]
    void abandon() noexcept;

    pid_t pid() const noexcept;
    std::string stderr_output() const;
    fd2::snapshot snapshot() const;
    stderr_record record() const;
    stderr_lines subscribe(line_filter filter = {},
                           std::size_t capacity = stderr_lines::default_capacity);

    /// How the child ended, once a step has seen it.
    std::optional<exit_status> exited() const;
    /// The whole report, once the record is final (if followed: once lingering is over).
    std::optional<exit_report> report() const;

    void kill(int signal);
    void kill(int signal, std::error_code& failed) noexcept;

  private:
    explicit loop_child(std::unique_ptr<class async_child> state) noexcept;
    std::unique_ptr<class async_child> state_;
};

}  // namespace fd2
