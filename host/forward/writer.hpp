// One way of writing to our stderr.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace fd2::forward {

/// Bytes in memory, one of several pieces of a write.
struct part {
    const void* data = nullptr;
    std::size_t size = 0;
};

/// What one write did. `error`: 0; system_code::would_block (EAGAIN), the object takes no more for
/// now; or the errno that ends forwarding. `bytes` were taken in any case. A short count with error
/// 0 means the same as EAGAIN without having asked a second time.
struct sent {
    std::size_t bytes = 0;
    int error = 0;
};

/// One way of writing to one descriptor. `write` is called by one thread at a time; the rest is
/// constant.
class writer {
  public:
    virtual ~writer() = default;

    /// Writes the parts (at most 16) in order, as far as the object takes them, with one system
    /// call where the medium allows. EINTR is handled here. Not noexcept: a way that blocks is left
    /// by thread cancellation, which unwinds through it; all others do not throw.
    virtual sent write(const part* parts, int count) = 0;

    /// Where poll(2) says that writing makes sense again; -1 where `write` waits by itself.
    virtual int wait_fd() const noexcept = 0;

    /// Whether `write` may block for ever; then only the forwarder's own thread calls it.
    virtual bool blocks() const noexcept { return false; }

    /// The most bytes to hand to one `write`.
    virtual std::size_t limit() const noexcept { return std::size_t{1} << 20; }

    /// The largest write that goes out whole or not at all (PIPE_BUF); 0 where there is none.
    virtual std::size_t atomic_limit() const noexcept { return 0; }

    virtual std::string_view name() const noexcept = 0;
};

enum class readiness : std::uint8_t { none, writable, broken };

/// Waits until the object behind `fd` takes bytes, or is found to be broken; at most so many
/// milliseconds (-1: for ever), then `none`.
readiness wait_writable(int fd, int milliseconds) noexcept;

/// The most parts that one `write` is given.
inline constexpr int max_parts = 16;

/// How `fd` is to be written. Exactly one of `writer` and `error` is set.
struct opened {
    std::unique_ptr<forward::writer> writer;
    int error = 0;
    bool terminal = false;
};

/// Looks at the object behind `fd` and picks the way of writing it, without touching a flag of the
/// description that others share.
opened open_writer(int fd);

}  // namespace fd2::forward
