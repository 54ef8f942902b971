// What a transparent wrapper does with signals: it passes on those that are meant for the child,
// stops and continues together with the child, and is not killed before it.
#pragma once

#include <sys/types.h>

#include <optional>

#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "process/child.hpp"
#include "process/inheritance.hpp"

namespace fd2::process {

enum class signal_action {
    drop,
    forward,        ///< send the same signal to the child
    look_at_child,  ///< it stopped, continued or ended
    terminate_now,  ///< the child has ended: whatever we still do, stop doing it
};

/// What signal_relay knows when a signal comes.
struct signal_context {
    signal_set ignored;  ///< what we were given as ignored
    pid_t self = 0;
    pid_t child = 0;
    pid_t watch = 0;               ///< who continues us when the child continues; 0: nobody
    bool child_ended = false;      ///< its end has been collected
    bool child_elsewhere = false;  ///< it is in another process group than we are
    bool session_leader = false;   ///< we are one
};

/// The decision for one signal, as read from a signalfd: its number, si_code and sender.
///
/// - SIGCHLD: look at the child.
/// - Sent by ourselves: dropped. So the kernel marks the SIGPIPE and the SIGXFSZ of our own writes.
/// - Sent by the child itself: dropped. With kill(0, ...) it has had it already, and so has our
///   parent if it was meant; kill($PPID) cannot be told from that, so it is not passed up.
/// - Ignored at our start: dropped, as the child was started with it ignored as well.
/// - SIGCONT always goes to the child (who stops us may have stopped it, and a second one does no
///   harm), but for that of the watch, which follows the child.
/// - From the kernel: what a terminal or a hang-up sends to our whole process group has reached the
///   child, and is dropped, unless the child is in another group. An alarm that was set before we
///   were executed is ours alone, and so is the hang-up of a session leader's terminal: forwarded.
/// - All others: forwarded, whatever the number. (A fault of our own is no such signal: it ends
/// us.)
/// - Once the child has ended, what would end us by default is terminate_now, whoever sent it.
signal_action decide(int signal, int code, pid_t sender, const signal_context& context) noexcept;

/// What serve() found.
struct signal_report {
    int terminate = 0;     ///< the last signal that asked us to end at once; 0: none
    int asked_child = 0;   ///< the last one that asked the child to end; 0: none that we know of
    bool resized = false;  ///< the size of our terminal has changed
    /// The last signal that could not be passed on: the child runs as another user (sudo).
    std::optional<failure> undelivered;
};

/// The signals of the main thread, as a descriptor.
///
/// install() blocks, in the calling thread and all threads that it makes later, every signal but
/// - SIGKILL and SIGSTOP, which cannot be, and 32 and 33, which belong to the C library,
/// - those that we were given as ignored (they stay so; the kernel discards them), except SIGCHLD
///   and SIGCONT.
/// They stay blocked for good: nothing that comes after the child's end may change how we end.
/// A fault (SIGSEGV and the like) ends us all the same, as the kernel does not let it be blocked,
/// and so does abort(). SIGCHLD must be at its default (take_default_sigchld).
///
/// A terminal's stop signals stop the child and not us: we follow it (see serve). As they are
/// blocked, a background write of ours to a terminal with TOSTOP is not stopped by itself.
///
/// Movable.
class signal_relay {
  public:
    /// `seen_by`: the process whose job control sees us stop; 0: our parent. If a process of our
    /// own is between us and it, this is the parent of that process, which stops when we do. [the
    /// main thread, before any other one is made and before the spawn]
    static result<signal_relay> install(const inherited_state& given, pid_t seen_by = 0);

    signal_relay(signal_relay&&) noexcept = default;
    signal_relay& operator=(signal_relay&&) = delete;

    /// Readable when serve() has something to do; non-blocking, close-on-exec, ours alone.
    int descriptor() const noexcept { return fd_.get(); }

    /// Deals with everything that is pending, without waiting - except that we stop with the child:
    /// by the same signal, if that is SIGTSTP, SIGTTIN or SIGTTOU and a shell with job control sees
    /// us stop. We continue when we are continued, and when the child is continued or ends, whoever
    /// caused that (stop_watch). A stop that is already over is not followed, and SIGSTOP never is;
    /// but a stop signal that comes while the child is stopped stops us too.
    ///
    /// When a loop finds this descriptor and the child's pidfd ready at once, it serves the signals
    /// first: those came before the end, and must not cut short what follows it.
    /// A child that ended meanwhile is no failure. [the installing thread]
    result<signal_report> serve(child& child);

  private:
    signal_relay(unique_fd fd, const inherited_state& given, pid_t seen_by) noexcept
        : fd_(std::move(fd)), given_(given), seen_by_(seen_by) {}
    status stop_like(int signal, child& child);
    result<bool> follow_stop(child& child);
    std::optional<job_event> news_of(child& child) noexcept;
    bool has_gone_on(child& child) noexcept;

    unique_fd fd_;
    inherited_state given_;
    pid_t seen_by_;
    int stopped_by_ = 0;             ///< what stopped the child, as far as is known; 0: it runs
    std::optional<job_event> news_;  ///< of the child, to be looked at
    pid_t watch_ = 0;                ///< whose SIGCONT may be pending
};

}  // namespace fd2::process
