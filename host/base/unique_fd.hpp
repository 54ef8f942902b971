// One owner for one descriptor.
#pragma once

#include <utility>

namespace fd2 {

/// Owns a descriptor and closes it; -1 is none. Movable, not copyable. [one thread at a time]
class unique_fd {
  public:
    unique_fd() noexcept = default;
    explicit unique_fd(int fd) noexcept : fd_(fd) {}
    unique_fd(unique_fd&& other) noexcept : fd_(other.release()) {}
    unique_fd& operator=(unique_fd&& other) noexcept {
        if (this != &other) reset(other.release());
        return *this;
    }
    ~unique_fd() { reset(); }

    int get() const noexcept { return fd_; }
    explicit operator bool() const noexcept { return fd_ >= 0; }
    int release() noexcept { return std::exchange(fd_, -1); }

    /// Closes what is held (errno is kept) and holds `fd` from now on.
    void reset(int fd = -1) noexcept;

  private:
    int fd_ = -1;
};

}  // namespace fd2
