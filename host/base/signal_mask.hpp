// Signals blocked for a scope, in the calling thread. Windows has none that a thread gets: there
// nothing of this does anything.
#pragma once

#include <cstddef>

namespace fd2 {

/// Blocks signals for its own life. The C library's own signals (32 and 33, by which pthread_cancel
/// works) stay open; process/kernel_signals.hpp blocks those too, which a new child needs.
class signals_blocked {
  public:
    /// All of them: while a thread is made, which inherits the mask and so never gets a signal.
    signals_blocked() noexcept;
    /// This one, in addition to those that are blocked already.
    explicit signals_blocked(int signal) noexcept;
    ~signals_blocked();
    signals_blocked(const signals_blocked&) = delete;
    signals_blocked& operator=(const signals_blocked&) = delete;

  private:
    alignas(std::max_align_t) unsigned char before_[128];  // a sigset_t
};

/// For a thread that writes where a reader may be gone; no disposition is changed.
class sigpipe_blocked {
  public:
    sigpipe_blocked() noexcept;

  private:
    signals_blocked it_;
};

/// Takes away a signal (SIGPIPE, SIGXFSZ) that is pending because a write just failed, if the
/// calling thread blocks it. Otherwise the thread would die of it when it unblocks the signal, long
/// after the write.
void swallow_signal(int signal) noexcept;

/// The same for the signal of a write without a reader.
void swallow_sigpipe() noexcept;

}  // namespace fd2
