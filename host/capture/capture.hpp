// The host's record of one channel: every byte once it has left the kernel.
#pragma once

#include <fd2/end_kind.hpp>

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "capture/line_consumer.hpp"
#include "capture/line_splitter.hpp"
#include "capture/tail.hpp"

namespace fd2::capture {

/// A consistent copy: bytes and counters of one instant.
struct snapshot {
    std::string bytes;                ///< the newest bytes, as the child wrote them
    std::uint64_t offset = 0;         ///< position in the stream of the first of them
    std::uint64_t total_bytes = 0;    ///< everything that came
    std::uint64_t total_lines = 0;    ///< a last line without '\n' counts once the stream has ended
    std::uint64_t lines_dropped = 0;  ///< by full subscribers, all together
    nanoseconds_t first_byte = 0;     ///< when the first byte came; 0 if none has
    end_kind end = end_kind::none;
    int end_errno = 0;

    /// Bytes that have fallen out of the tail.
    std::uint64_t dropped_bytes() const noexcept { return offset; }
};

/// One producer (the drain of the channel), any number of threads that look.
class capture {
  public:
    struct limits {
        std::size_t tail = 64 * 1024;
        std::size_t max_line = 16 * 1024;
    };

    explicit capture(limits with) noexcept;

    // ---- [drain]

    /// Memory to read into, or null (see tail::reserve).
    std::uint8_t* reserve(std::size_t& room) noexcept;

    /// Takes the bytes. True: a consumer of lines is full and asks for a pause.
    bool append(const std::uint8_t* data, std::size_t size) noexcept;

    /// The stream is over: the last line goes out, consumers are told. Once.
    void finish(end_kind end, int end_errno) noexcept;

    // ---- [any thread]

    /// Lines go to `consumer` from the next whole one on; returns that one's number. The capture
    /// shares ownership until the end or `remove`.
    std::uint64_t add(std::shared_ptr<line_consumer> consumer);
    void remove(const line_consumer* consumer);

    snapshot look() const;

  private:
    struct subscription {
        std::shared_ptr<line_consumer> consumer;
        line_splitter lines;
    };

    bool deliver(const std::uint8_t* data, std::size_t size, std::uint64_t newlines) noexcept;

    const limits limits_;
    mutable std::mutex mutex_;  // everything below up to `consumers_mutex_`
    tail tail_;
    std::uint64_t newlines_ = 0;
    bool in_line_ = false;  // the last byte was not a '\n'
    nanoseconds_t first_byte_ = 0;
    end_kind end_ = end_kind::none;
    int end_errno_ = 0;
    std::uint64_t lines_dropped_ = 0;

    // Held by the drain while it delivers, by others while they add or remove: consumers do not
    // block, and never call back into the capture.
    std::mutex consumers_mutex_;
    std::unique_ptr<std::vector<subscription>> consumers_;  // most records have none
};

}  // namespace fd2::capture
