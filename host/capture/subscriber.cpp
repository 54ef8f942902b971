#include "capture/subscriber.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>

namespace fd2::capture {

// What lies in the ring before each text. A record is padded to `alignment`, never split: one that
// would cross the end of the ring is preceded by a skip.
struct subscriber::record {
    std::uint32_t size;   // of the text; `skip` marks unused space up to the end of the ring
    std::uint32_t flags;  // bit 0 continued, 1 continues, 2 unterminated
    std::uint64_t number;
    std::int64_t time;
};

namespace {
constexpr std::uint32_t skip = UINT32_MAX;
constexpr std::size_t alignment = 8;
constexpr std::size_t minimum = 4096;

// One writer: a plain load and store, atomic only so that others may look.
void count(std::atomic<std::uint64_t>& counter) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

constexpr std::size_t padded(std::size_t size) {
    return (size + alignment - 1) / alignment * alignment;
}
}  // namespace

subscriber::subscriber(std::size_t capacity)
    : capacity_(padded(std::max(capacity, minimum))), ring_(new std::uint8_t[capacity_]) {}

bool subscriber::offer(const line_view& line) noexcept {
    const std::size_t need = sizeof(record) + padded(line.size());
    std::size_t at = static_cast<std::size_t>(writing_ % capacity_);
    const std::size_t skipped = capacity_ - at < need ? capacity_ - at : 0;
    if (writing_ + skipped + need - read_seen_ > capacity_) {
        read_seen_ = read_.load(std::memory_order_acquire);
        if (writing_ + skipped + need - read_seen_ > capacity_) {
            count(dropped_);
            return false;
        }
    }
    if (skipped != 0) {
        std::memcpy(ring_.get() + at, &skip, sizeof(skip));
        writing_ += skipped;
        at = 0;
    }
    const record head{
        static_cast<std::uint32_t>(line.size()),
        (line.continued ? 1u : 0u) | (line.continues ? 2u : 0u) | (line.unterminated ? 4u : 0u),
        line.number, line.time};
    std::uint8_t* to = ring_.get() + at;
    std::memcpy(to, &head, sizeof(head));
    to += sizeof(head);
    if (!line.head.empty()) std::memcpy(to, line.head.data(), line.head.size());
    if (!line.rest.empty()) std::memcpy(to + line.head.size(), line.rest.data(), line.rest.size());
    writing_ += need;
    count(sent_);
    return true;
}

bool subscriber::chunk_done() noexcept {
    // One publication, and at most one wake-up, for all lines of a chunk. Sequentially consistent
    // with `waiting_`: either the consumer sees the lines, or we see that it waits.
    written_.store(writing_, std::memory_order_seq_cst);
    if (waiting_.load(std::memory_order_seq_cst)) {
        const std::lock_guard lock(mutex_);
        arrived_.notify_one();
    }
    return false;
}

void subscriber::ended() noexcept {
    written_.store(writing_, std::memory_order_seq_cst);
    const std::lock_guard lock(mutex_);
    ended_.store(true, std::memory_order_seq_cst);
    arrived_.notify_one();
}

std::optional<line> subscriber::poll() {
    line out;
    if (!poll(out)) return std::nullopt;
    return out;
}

bool subscriber::poll(line& out) {
    if (reading_ == written_seen_) {
        written_seen_ = written_.load(std::memory_order_acquire);
        if (reading_ == written_seen_) return false;
    }
    std::uint64_t position = reading_;
    std::size_t at = static_cast<std::size_t>(position % capacity_);
    std::uint32_t size = 0;
    std::memcpy(&size, ring_.get() + at, sizeof(size));
    if (size == skip) {
        position += capacity_ - at;
        at = 0;
    }
    record head;
    std::memcpy(&head, ring_.get() + at, sizeof(head));
    out.text.assign(reinterpret_cast<const char*>(ring_.get() + at + sizeof(head)), head.size);
    out.number = head.number;
    out.time = head.time;
    out.continued = (head.flags & 1u) != 0;
    out.continues = (head.flags & 2u) != 0;
    out.unterminated = (head.flags & 4u) != 0;
    reading_ = position + sizeof(head) + padded(head.size);
    // Room is given back when all is read, and in steps large enough to be worth the producer's
    // look.
    if (reading_ == written_seen_ ||
        reading_ - read_.load(std::memory_order_relaxed) >= capacity_ / 8) {
        read_.store(reading_, std::memory_order_release);
    }
    return true;
}

std::optional<line> subscriber::wait(nanoseconds_t deadline) {
    line out;
    if (!wait(out, deadline)) return std::nullopt;
    return out;
}

bool subscriber::wait(line& out, nanoseconds_t deadline) {
    if (poll(out)) return true;
    std::unique_lock lock(mutex_);
    waiting_.store(true, std::memory_order_seq_cst);
    bool found = false;
    for (;;) {
        const bool over = ended_.load(std::memory_order_seq_cst);
        if (written_.load(std::memory_order_seq_cst) != reading_) {
            found = poll(out);
            break;
        }
        if (over) break;
        if (deadline == never) {
            arrived_.wait(lock);
        } else {
            // steady_clock is CLOCK_MONOTONIC, so the deadline is one of its points.
            const std::chrono::steady_clock::time_point until{std::chrono::nanoseconds(deadline)};
            if (arrived_.wait_until(lock, until) == std::cv_status::timeout) {
                found = poll(out);
                break;
            }
        }
    }
    waiting_.store(false, std::memory_order_seq_cst);
    return found;
}

bool subscriber::finished() const noexcept {
    return ended_.load(std::memory_order_acquire) &&
           written_.load(std::memory_order_acquire) == reading_;
}

}  // namespace fd2::capture
