// What ends the waiting of the log's thread. Private to the room.
#pragma once

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace fd2::logging {

/// Set once, by any thread; looked at by the log's.
class stop_signal {
  public:
    /// Makes what it needs of the system.
    status prepare();
    void set() noexcept;

    /// Waits until `fd` takes bytes (or has failed: the next write tells), at most so many
    /// milliseconds (-1: for ever), and with `stoppable` until it is set: true in the first case.
    bool wait_writable(int fd, bool stoppable, int milliseconds) const noexcept;

  private:
    unique_fd wake_;
};

/// Gives the calling thread a name, where threads have one.
void name_this_thread(const char* name) noexcept;

}  // namespace fd2::logging
