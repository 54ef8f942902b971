// The host's record of one channel: every byte once it has left the kernel.
#pragma once

#include <fd2/end_kind.hpp>

#include <array>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "base/clock.hpp"
#include "capture/line_splitter.hpp"
#include "capture/lines.hpp"
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

    /// How many bytes the tail holds.
    std::uint64_t tail_bytes() const noexcept { return total_bytes - offset; }
    /// Bytes that have fallen out of the tail.
    std::uint64_t dropped_bytes() const noexcept { return offset; }
};

/// One producer (the drain of the channel), any number of threads that read.
class capture {
  public:
    struct limits {
        std::size_t tail = 64 * 1024;
        std::size_t max_line = 16 * 1024;
    };

    explicit capture(limits bounds) noexcept;

    // ---- [drain]

    /// Memory to read into, or null (see tail::reserve).
    std::uint8_t* reserve(std::size_t& space) noexcept;

    /// Takes the bytes. flow::pause: a consumer of lines is full.
    flow append(const std::uint8_t* data, std::size_t size) noexcept;

    /// The stream is over: the last line goes out, consumers are told. Once.
    void finish(end_kind end, int end_errno) noexcept;

    // ---- [any thread]

    /// Lines go to `consumer` from the next whole one on; returns the number of that line. The
    /// capture shares ownership until the end or `remove`. Never waits for a consumer.
    std::uint64_t add(std::shared_ptr<line_consumer> consumer);

    /// Once this has returned, `consumer` is not called any more. Like the destructor of
    /// std::stop_callback it waits for a call in progress on another thread; called from inside
    /// that call it returns at once, and the call is the last one.
    void remove(const line_consumer* consumer) noexcept;

    snapshot take_snapshot() const;

    /// The same without the bytes; allocates nothing.
    snapshot figures() const noexcept;

    /// The newest bytes in place (see tail::parts). [after `finish`]
    std::array<std::string_view, 2> tail_parts() const noexcept;

  private:
    struct subscription {
        std::shared_ptr<line_consumer> consumer;
        line_splitter lines;
        bool removed = false;
    };

    /// Consumers are called without a lock: they may run code of the program, and that may call us.
    /// So while `at_work`, the nodes of `present` are the drain's: others mark them, and append to
    /// `coming`.
    struct delivery {
        std::list<subscription> present;
        std::list<subscription> coming;  ///< from the next chunk on
        bool at_work = false;
        const subscription* calling = nullptr;
        std::thread::id drain;  ///< while at work
        std::condition_variable called;
    };

    void fill_in(snapshot& out) const noexcept;
    flow deliver(const std::uint8_t* data, std::size_t size, std::uint64_t newlines) noexcept;
    void begin_delivery() noexcept;
    bool begin_call(subscription& each) noexcept;
    void end_call(std::uint64_t dropped) noexcept;
    void end_delivery() noexcept;

    const limits limits_;
    mutable std::mutex mutex_;  // everything below
    tail tail_;
    std::uint64_t newlines_ = 0;
    bool in_line_ = false;  // the last byte was not a '\n'
    nanoseconds_t first_byte_ = 0;
    end_kind end_ = end_kind::none;
    int end_errno_ = 0;
    std::uint64_t lines_dropped_ = 0;
    std::unique_ptr<delivery> consumers_;  // most records have none; once made, it stays
};

}  // namespace fd2::capture
