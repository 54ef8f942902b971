// What a transparent wrapper owes its child when signals come: hand on what was meant for it, stop
// and go on together with it, die of nothing before it.
#pragma once

#include <sys/types.h>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "process/child.hpp"
#include "process/inheritance.hpp"

namespace fd2::process {

enum class signal_action {
    drop,
    forward,        ///< send the same signal to the child
    look_at_child,  ///< it stopped, went on or ended
    terminate_now,  ///< the child has ended: whatever we still do, stop doing it
};

/// What signal_duty knows when a signal comes.
struct signal_context {
    signal_set ignored;  ///< what we were given as ignored
    pid_t child = 0;
    bool child_ended = false;     ///< its end has been collected
    bool session_leader = false;  ///< we are one
};

/// The decision for one signal, as read from a signalfd: its number, si_code and sender.
///
/// - SIGPIPE is dropped; SIGCHLD is looked into; SIGCONT always goes to the child (who stops us may
///   have stopped it, and a second one does no harm).
/// - Ignored at our start: dropped, as the child was started with it ignored as well.
/// - Sent by the child itself (kill(0, ...), or to its parent): dropped; it has had it, or did not
///   mean itself.
/// - From the kernel: a terminal or a hang-up reached our whole process group, so the child has
///   had it: dropped. But an alarm that was set before we were executed is ours alone, and so is
///   the hang-up of a session leader's terminal: forwarded.
/// - All others: forwarded.
/// - Once the child has ended, what would end us by default is terminate_now, from whomever.
signal_action decide(int signal, int code, pid_t sender, const signal_context& context) noexcept;

/// What serve() found.
struct signal_report {
    int terminate = 0;  ///< the last signal that asked us to end at once; 0: none
};

/// The signals of the main thread, as a descriptor.
///
/// install() blocks, in the calling thread and all threads that it makes later, every signal but
/// - the fault signals (SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS): they are about us,
/// - SIGKILL and SIGSTOP, which cannot be, and 32 and 33, which belong to the C library,
/// - those that we were given as ignored (they stay so; the kernel discards them), except SIGCHLD
///   and SIGCONT.
/// SIGABRT is handed on like the rest; abort() works all the same. SIGCHLD must be at its default
/// (take_default_sigchld).
///
/// A terminal's stop signals stop the child and not us: we follow it (see serve). As they are
/// blocked, a background write of ours to a terminal with TOSTOP is not stopped by itself.
///
/// Movable. The destructor restores the mask of the thread that it runs in, which must be the one
/// that installed it; what is pending then strikes.
class signal_duty {
  public:
    /// [the main thread, before any other one is made and before the spawn]
    static result<signal_duty> install(const inherited_state& given);

    signal_duty(signal_duty&&) noexcept = default;
    signal_duty& operator=(signal_duty&&) = delete;
    ~signal_duty();

    /// Readable when serve() has something to do; non-blocking, close-on-exec, ours alone.
    int descriptor() const noexcept { return fd_.get(); }

    /// Deals with everything that is pending, without waiting - except that we are stopped with
    /// the child: when it was stopped, we stop by the same signal (in an orphaned process group
    /// the kernel discards all but SIGSTOP: then we go on), and SIGCONT, when it comes, is handed
    /// on. A stop that is already over is not followed.
    ///
    /// When a loop finds this descriptor and the child's pidfd ready at once, it serves the signals
    /// first: those came before the end, and must not cut short what follows it.
    /// A child that ended meanwhile is no failure. [the installing thread]
    result<signal_report> serve(child& child);

  private:
    signal_duty(unique_fd fd, const inherited_state& given, signal_set before) noexcept
        : fd_(std::move(fd)), given_(given), before_(before) {}
    status follow_stops(child& child);

    unique_fd fd_;
    inherited_state given_;
    signal_set before_;  ///< the mask to restore
};

}  // namespace fd2::process
