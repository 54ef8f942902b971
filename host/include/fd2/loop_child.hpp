// A child for an event loop: what to wait for is told, what came is taken, nothing waits in here.
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
#include "fd2/snapshot.hpp"
#include "fd2/ssh_command.hpp"
#include "fd2/wire.hpp"

namespace fd2 {

/// What the loop is to do until it steps again. Descriptors are watched for reading,
/// level-triggered or re-armed for each step; they stay the child's: one that is not named any more
/// (-1) must be forgotten *before* the next step, because that closes it.
struct loop_wants {
    int stderr_fd = -1;
    bool watch_stderr = false;  ///< else it is to be left alone for now
    int exit_fd = -1;           ///< to be watched
    std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
    bool soon = false;  ///< step again after others had their turn
    bool over = false;  ///< nothing is left to do
};

/// What came since the last step: bits of `loop_child::step`. A deadline and the bell are
/// `nothing`.
enum loop_event : unsigned { nothing = 0, stderr_ready = 1, exit_ready = 2 };

/// The loop serialises `step`, `abandon` and the destructor; every other member may be called by
/// any thread. The destructor kills and collects a child that is still running, which waits as long
/// as the kernel needs to end a process.
class FD2_API loop_child {
  public:
    /// Starts `command` by the settings of `on` for the async transport: with the flag
    /// `features.ssh-socketpair-stderr` off the child inherits our stderr and nothing is captured.
    /// `bell` is rung from any thread, until the destructor has returned: it must make the loop
    /// call `step` soon, and neither block nor throw. Errors as `fd2::spawn`; the async transport
    /// also needs a descriptor for the child's end.
    static std::unique_ptr<loop_child> spawn(const host& on, ssh_command& command,
                                             std::function<void()> bell);
    static std::unique_ptr<loop_child> spawn(const host& on, ssh_command& command,
                                             std::function<void()> bell, std::error_code& failed,
                                             std::string* why = nullptr);
    ~loop_child();
    loop_child(const loop_child&) = delete;
    loop_child& operator=(const loop_child&) = delete;

    /// The wire, to be taken once; both ends are non-blocking.
    wire_writer take_in() noexcept;
    wire_reader take_out() noexcept;

    loop_wants step(unsigned events) noexcept;

    /// Kills the child and no longer waits for anybody's stderr; step until `over` to collect it.
    void abandon() noexcept;

    pid_t pid() const noexcept;
    std::string stderr_output() const;
    fd2::snapshot snapshot() const;
    stderr_record record() const;
    stderr_lines subscribe(line_filter filter = {},
                           std::size_t capacity = stderr_lines::default_capacity);

    /// How the child ended, once a step has seen it.
    std::optional<exit_status> exited() const;
    /// The whole report, once the record is final (or, followed, once lingering is over).
    std::optional<exit_report> report() const;

    void kill(int signal);
    void kill(int signal, std::error_code& failed) noexcept;

  private:
    explicit loop_child(std::unique_ptr<class async_child> state) noexcept;
    std::unique_ptr<class async_child> state_;
};

}  // namespace fd2
