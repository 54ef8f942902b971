// The memory between a producer and a consumer of lines.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "capture/lines.hpp"

namespace fd2::capture {

/// Lines that a queue lends.
struct lent_lines {
    line_block block;                     ///< whole lines; or
    std::optional<line_view> alone = {};  ///< one line or piece, all of it in `rest`
};

/// Lines and blocks of lines, in order, in a ring of bytes: one producer, one consumer, neither
/// ever waits. What does not fit is refused.
class line_ring {
  public:
    /// `capacity` in bytes of text and bookkeeping; at least 4 KiB.
    explicit line_ring(std::size_t capacity);

    // ---- [producer]

    /// False: it does not fit.
    bool put(const line_view& line) noexcept;

    /// Returns how many lines of the block, from the first on, were taken.
    std::uint64_t put(const line_block& block) noexcept;

    /// Publishes to the consumer what was put since the last call; false if that is nothing.
    /// Sequentially consistent with `empty`.
    bool publish() noexcept;

    // ---- [consumer]

    /// The next line, all of it in `rest`, valid until the next call of `get`, `get_all` or
    /// `give_back`.
    /// False: none is there.
    bool get(line_view& out) noexcept {
        give_back();
        if (block_.empty() && !open_record(out)) return false;
        if (!block_.empty()) take_line(out);
        return true;
    }

    /// All lines left of a block, or one that came alone, lent as by `get`. Nothing: none is there.
    std::optional<lent_lines> get_all() noexcept;

    /// Done with the line or lines last got.
    void give_back() noexcept {
        // All at once when everything is read; before that in steps that are large enough to be
        // worth a look by the producer.
        if (reading_ == written_seen_ || reading_ - given_back_ >= step_) publish_read();
    }

    bool empty() const noexcept {
        return block_.empty() && written_.load(std::memory_order_seq_cst) == reading_;
    }

  private:
    struct record;

    std::size_t free_for(std::size_t need) noexcept;
    std::uint8_t* claim(std::size_t need) noexcept;
    bool open_record(line_view& out) noexcept;
    void publish_read() noexcept;

    void take_line(line_view& out) noexcept {
        const std::size_t size = block_.find('\n');
        out = {{}, block_.substr(0, size), number_++, time_, line_piece::whole, false};
        block_.remove_prefix(size + 1);
        reading_ = block_.empty() ? block_end_ : reading_ + size + 1;
    }

    const std::size_t capacity_;
    const std::size_t step_;
    std::unique_ptr<std::uint8_t[]> ring_;
    // Positions in an endless stream of records; the ring holds [read_, written_). Each side
    // publishes its position only now and then, and keeps a copy of the other's: moving a cache
    // line between two processors for every line would cost too much.
    alignas(64) std::atomic<std::uint64_t> written_{0};
    std::uint64_t writing_ = 0;    // of the producer: includes what has not been published
    std::uint64_t read_seen_ = 0;  // of the producer: a lower bound of read_
    alignas(64) std::atomic<std::uint64_t> read_{0};
    // Of the consumer.
    std::uint64_t reading_ = 0;
    std::uint64_t given_back_ = 0;    // read_
    std::uint64_t written_seen_ = 0;  // a lower bound of written_
    std::string_view block_;          // the lines left of the block that is being read
    std::uint64_t block_end_ = 0;     // where the next record begins
    std::uint64_t number_ = 0;        // of the first line left
    std::int64_t time_ = 0;
};

}  // namespace fd2::capture
