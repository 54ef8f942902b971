#include "capture/line_ring.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace fd2::capture {

// What lies in the ring before each text. Records are padded to `alignment` and never cross the end
// of the ring: a block is parted there, and where not even one line fits, the rest is skipped.
struct line_ring::record {
    std::uint32_t size;   // of the text; `skip` marks unused space up to the end of the ring
    std::uint32_t flags;  // as below
    std::uint64_t number;
    std::int64_t time;
};

namespace {
constexpr std::uint32_t skip = UINT32_MAX;
constexpr std::uint32_t piece_bits = 3;  // a line_piece
constexpr std::uint32_t unterminated = 4;
constexpr std::uint32_t block_of_lines = 8;  // each with its '\n'; the number is the first one's
constexpr std::size_t alignment = 8;
constexpr std::size_t minimum = 4096;

constexpr std::size_t padded(std::size_t size) {
    return (size + alignment - 1) / alignment * alignment;
}
}  // namespace

line_ring::line_ring(std::size_t capacity)
    : capacity_(padded(std::max(capacity, minimum))),
      step_(capacity_ / 8),
      ring_(new std::uint8_t[capacity_]) {}

/// Free bytes in all; looks at the consumer's position only when they are fewer than `need`.
std::size_t line_ring::free_for(std::size_t need) noexcept {
    if (capacity_ - (writing_ - read_seen_) < need) {
        read_seen_ = read_.load(std::memory_order_acquire);
    }
    return capacity_ - static_cast<std::size_t>(writing_ - read_seen_);
}

/// Memory for a record of `need` bytes, at the ring's start if they do not fit before its end.
/// Null, and nothing has changed: it does not fit.
std::uint8_t* line_ring::claim(std::size_t need) noexcept {
    const auto at = static_cast<std::size_t>(writing_ % capacity_);
    const std::size_t skipped = capacity_ - at < need ? capacity_ - at : 0;
    if (free_for(skipped + need) < skipped + need) return nullptr;
    if (skipped != 0) std::memcpy(ring_.get() + at, &skip, sizeof(skip));
    writing_ += skipped + need;
    return ring_.get() + (skipped != 0 ? 0 : at);
}

bool line_ring::put(const line_view& line) noexcept {
    std::uint8_t* place = claim(sizeof(record) + padded(line.size()));
    if (place == nullptr) return false;
    const record head{
        static_cast<std::uint32_t>(line.size()),
        static_cast<std::uint32_t>(line.piece) | (line.unterminated ? unterminated : 0),
        line.number, line.time};
    std::memcpy(place, &head, sizeof(head));
    place += sizeof(head);
    if (!line.head.empty()) std::memcpy(place, line.head.data(), line.head.size());
    if (!line.rest.empty())
        std::memcpy(place + line.head.size(), line.rest.data(), line.rest.size());
    return true;
}

std::uint64_t line_ring::put(const line_block& block) noexcept {
    std::uint64_t taken = 0;
    std::string_view text = block.text;
    while (!text.empty()) {
        const std::size_t wanted = sizeof(record) + padded(text.size());
        const std::size_t to_end = capacity_ - static_cast<std::size_t>(writing_ % capacity_);
        const std::size_t space = std::min(to_end, free_for(wanted));
        std::string_view part = text;
        if (space < wanted) {
            const std::size_t most = space > sizeof(record) ? space - sizeof(record) : 0;
            part = text.substr(0, whole_lines(text.substr(0, most)));
            if (part.empty()) part = text.substr(0, first_line(text));  // perhaps at the start
        }
        std::uint8_t* place = claim(sizeof(record) + padded(part.size()));
        if (place == nullptr) break;
        const record head{static_cast<std::uint32_t>(part.size()), block_of_lines,
                          block.first + taken, block.time};
        std::memcpy(place, &head, sizeof(head));
        std::memcpy(place + sizeof(head), part.data(), part.size());
        text.remove_prefix(part.size());
        taken = text.empty() ? block.count : taken + count_newlines(part);
    }
    return taken;
}

bool line_ring::publish() noexcept {
    if (written_.load(std::memory_order_relaxed) == writing_) return false;
    written_.store(writing_, std::memory_order_seq_cst);
    return true;
}

/// The next record: a line at once, or a block to take lines from. False: nothing there.
bool line_ring::open_record(line_view& out) noexcept {
    if (reading_ == written_seen_) {
        written_seen_ = written_.load(std::memory_order_acquire);
        if (reading_ == written_seen_) return false;
    }
    auto at = static_cast<std::size_t>(reading_ % capacity_);
    std::uint32_t size = 0;
    std::memcpy(&size, ring_.get() + at, sizeof(size));
    if (size == skip) {
        reading_ += capacity_ - at;
        at = 0;
    }
    record head;
    std::memcpy(&head, ring_.get() + at, sizeof(head));
    const std::string_view text(reinterpret_cast<const char*>(ring_.get() + at + sizeof(head)),
                                head.size);
    const std::uint64_t end = reading_ + sizeof(head) + padded(head.size);
    if ((head.flags & block_of_lines) != 0) {
        reading_ += sizeof(head);
        block_ = text;
        block_end_ = end;
        number_ = head.number;
        time_ = head.time;
    } else {
        reading_ = end;
        out = {{},
               text,
               head.number,
               head.time,
               static_cast<line_piece>(head.flags & piece_bits),
               (head.flags & unterminated) != 0};
    }
    return true;
}

std::optional<lent_lines> line_ring::get_all() noexcept {
    give_back();
    std::optional<lent_lines> out(std::in_place);
    if (block_.empty()) {
        line_view line;
        if (!open_record(line)) return std::nullopt;
        if (block_.empty()) {
            out->alone = line;
            return out;
        }
    }
    out->block = {block_, 0, number_, time_};
    block_ = {};
    reading_ = block_end_;
    return out;
}

void line_ring::publish_read() noexcept {
    // Within a block the position is any; the producer counts in whole steps of `alignment`.
    const std::uint64_t position = reading_ / alignment * alignment;
    if (position == given_back_) return;
    given_back_ = position;
    read_.store(position, std::memory_order_release);
}

}  // namespace fd2::capture
