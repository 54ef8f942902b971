// One read or write that is under way, also at an end that is not overlapped.
#pragma once

#include <algorithm>
#include <cstddef>

#include "base/handle.windows.hpp"
#include "base/system_code.hpp"
#include "base/unique_fd.hpp"

namespace fd2 {

/// The bytes stay where they are until it is over. [one thread]
class transfer {
  public:
    transfer() noexcept : event_(fd_of(::CreateEventW(nullptr, TRUE, FALSE, nullptr))) {}
    ~transfer() { cancel(); }
    transfer(const transfer&) = delete;
    transfer& operator=(const transfer&) = delete;

    void read(int fd, void* data, std::size_t size) noexcept {
        begin(fd);
        note(::ReadFile(handle_of(fd), data, most(size), nullptr, &state_));
    }
    void write(int fd, const void* data, std::size_t size) noexcept {
        begin(fd);
        note(::WriteFile(handle_of(fd), data, most(size), nullptr, &state_));
    }

    bool under_way() const noexcept { return fd_ >= 0; }
    /// Signalled when it is over.
    int descriptor() const noexcept { return event_.get(); }

    struct done {
        std::size_t size = 0;
        int why = 0;  ///< the error, or 0
    };
    /// Waits for its end. [under way]
    done take() noexcept {
        done out;
        DWORD size = 0;
        if (why_ == 0 && !::GetOverlappedResult(handle_of(fd_), &state_, &size, TRUE)) {
            why_ = last_system_code();
        }
        out.size = size;
        out.why = why_;
        fd_ = -1;
        return out;
    }

    void cancel() noexcept {
        if (!under_way()) return;
        (void)::CancelIoEx(handle_of(fd_), &state_);
        (void)take();
    }

  private:
    static DWORD most(std::size_t size) noexcept {
        return static_cast<DWORD>(std::min<std::size_t>(size, 1U << 30));
    }
    void begin(int fd) noexcept {
        fd_ = fd;
        why_ = event_ ? 0 : ERROR_NOT_ENOUGH_MEMORY;
        state_ = {};
        state_.hEvent = handle_of(event_.get());
    }
    void note(BOOL good) noexcept {
        if (good || ::GetLastError() == ERROR_IO_PENDING) return;
        why_ = last_system_code();
        ::SetEvent(handle_of(event_.get()));
    }

    unique_fd event_;
    OVERLAPPED state_{};
    int fd_ = -1;
    int why_ = 0;
};

/// Whether a read fails so because every writer is gone.
inline bool is_end(int why) noexcept {
    return why == ERROR_BROKEN_PIPE || why == ERROR_HANDLE_EOF;
}

}  // namespace fd2
