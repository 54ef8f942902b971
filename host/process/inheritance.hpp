// What exec passes on implicitly: the signal mask and which signals are ignored. A wrapper must
// give its child what it was given itself, whatever it changed for its own use in between.
#pragma once

#include "base/result.hpp"
#include "base/signal_set.hpp"

namespace fd2::process {

/// The mask and the ignored signals at one moment. A plain value.
struct inherited_state {
    signal_set blocked;  ///< of the calling thread
    signal_set ignored;  ///< dispositions that are SIG_IGN; everything else is default after exec

    /// As they are now in the calling thread. At the start of main, before anything is changed,
    /// this is what the process was given. About 65 system calls, 5 µs. [any thread]
    static result<inherited_state> capture();

    /// What a program blocks for a signal thread of its own, and that its writes are to raise no
    /// SIGPIPE, is no business of its child's: that could not be ended, or not end by itself.
    void let_end() noexcept;

    /// Sets the calling thread's mask back. [any thread]
    status restore_mask() const;

    /// Makes ignored exactly what was ignored, so that an exec of this process itself hands it
    /// on. Handlers stay: exec resets them. [any thread; changes the whole process]
    status restore_dispositions() const;
};

/// Sets SIGCHLD to its default. A process that was started with SIGCHLD ignored loses every exit
/// status: the kernel reaps its children. For programs; a library must leave this to its caller.
/// [any thread; changes the whole process; before the first child]
status take_default_sigchld();

}  // namespace fd2::process
