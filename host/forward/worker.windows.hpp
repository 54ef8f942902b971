// How a call of the forwarder's thread that may stand still is ended. Private to the room.
#pragma once

namespace fd2::forward {

/// While it lives, worker::cancel may end the system call that the forwarder's thread is in. In
/// other threads it does nothing. Not nested.
class cancellable {
  public:
    cancellable() noexcept;
    ~cancellable();
    cancellable(const cancellable&) = delete;
    cancellable& operator=(const cancellable&) = delete;

    /// Whether the thread is to end: then nothing that may stand still is begun.
    bool asked() const noexcept;
    /// An event that is set then; null in other threads.
    void* event() const noexcept;
};

}  // namespace fd2::forward
