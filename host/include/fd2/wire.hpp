// The wire: a child's stdin and stdout, as blocking streams of bytes.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <system_error>

#include "fd2/api.hpp"

namespace fd2 {

/// Our end of the pipe to the child's stdin. Writing never raises SIGPIPE; if the child no longer
/// reads, it fails with EPIPE. Movable; the destructor closes. [one thread at a time]
class FD2_API wire_writer {
  public:
    wire_writer() noexcept = default;
    explicit wire_writer(int fd) noexcept : fd_(fd) {}
    wire_writer(wire_writer&& other) noexcept : fd_(other.release()) {}
    wire_writer& operator=(wire_writer&& other) noexcept;
    ~wire_writer() { close(); }

    /// Waits until the pipe can take bytes; returns how many it took, at least 1 for `size` > 0.
    std::size_t write_some(const void* data, std::size_t size);
    std::size_t write_some(const void* data, std::size_t size, std::error_code& failed) noexcept;

    /// All of it. Returns, on failure as well, how much was written.
    std::size_t write(std::string_view data);
    std::size_t write(std::string_view data, std::error_code& failed) noexcept;

    /// Ends the child's stdin. Idempotent.
    void close() noexcept;
    bool is_open() const noexcept { return fd_ >= 0; }

    /// The descriptor, close-on-exec, still ours; -1 when closed.
    int native_handle() const noexcept { return fd_; }
    /// The descriptor, yours from now on.
    int release() noexcept;

  private:
    int fd_ = -1;
};

/// Our end of the pipe from the child's stdout. Movable; the destructor closes.
/// [one thread at a time]
class FD2_API wire_reader {
  public:
    wire_reader() noexcept = default;
    explicit wire_reader(int fd) noexcept : fd_(fd) {}
    wire_reader(wire_reader&& other) noexcept : fd_(other.release()) {}
    wire_reader& operator=(wire_reader&& other) noexcept;
    ~wire_reader() { close(); }

    /// Waits for bytes; 0: EOF.
    std::size_t read_some(void* data, std::size_t size);
    std::size_t read_some(void* data, std::size_t size, std::error_code& failed) noexcept;

    /// Everything up to EOF, or up to a failure.
    std::string read_all();
    std::string read_all(std::error_code& failed);

    void close() noexcept;
    bool is_open() const noexcept { return fd_ >= 0; }
    int native_handle() const noexcept { return fd_; }
    int release() noexcept;

  private:
    int fd_ = -1;
};

/// One write(2) of at most `size` bytes that raises no SIGPIPE: bytes written, or -1 with errno.
/// For event loops, which wait for writability themselves. [any thread]
FD2_API std::ptrdiff_t write_quietly(int fd, const void* data, std::size_t size) noexcept;

}  // namespace fd2
