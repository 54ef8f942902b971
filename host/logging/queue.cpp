#include "logging/queue.hpp"

#include <chrono>
#include <cstring>
#include <exception>
#include <string_view>
#include <utility>

namespace fd2::logging {
namespace {

constexpr std::size_t block_size = 64U << 10;

// Each record begins with a head. Lines that come in one chunk have one time and follow each other,
// so most of them need no more than that: a child that writes nothing but newlines costs 4 bytes a
// line.
struct head {
    std::uint32_t size : 28;  // of the message or text
    std::uint32_t is_line : 1;
    std::uint32_t follows : 1;  // the time of the line before it, and the next number
    std::uint32_t partial : 1;
    std::uint32_t more : 1;
};
constexpr std::size_t longest = (1U << 28) - 1;

struct line_head {  // unless the line follows
    std::int64_t time;
    std::uint64_t number;
};

struct event_head {  // then the backend, then the message
    std::int64_t time;
    std::uint64_t channel;
    pid_t pid;
    severity level;
    std::uint8_t backend_size;
    kind what;
};

std::string_view cut(std::string_view backend) noexcept {
    return backend.substr(0, 255);
}

template <class T>
std::string_view bytes_of(const T& value) noexcept {
    return {reinterpret_cast<const char*>(&value), sizeof value};
}

template <class T>
T load(const std::string& bytes, std::size_t& at) noexcept {
    T value;
    std::memcpy(&value, bytes.data() + at, sizeof value);
    at += sizeof value;
    return value;
}

std::string_view load_text(const std::string& bytes, std::size_t& at, std::size_t size) noexcept {
    return std::string_view(bytes).substr(std::exchange(at, at + size), size);
}

/// The number of the line, or of a further piece of it, behind this one.
std::uint64_t next_number(const line_view& line) noexcept {
    return line.number + (more_follows(line.piece) ? 0 : 1);
}

}  // namespace

/// A block with space for `size` more bytes; throws without memory.
queue::block& queue::block_for(std::size_t size) {
    if (!blocks_.empty()) {
        const std::string& last = blocks_.back().bytes;
        if (last.capacity() - last.size() >= size) return blocks_.back();
    }
    if (spare_.empty() || spare_.front().bytes.capacity() < size) {
        blocks fresh(1);
        fresh.front().bytes.reserve(std::max(size, block_size));
        spare_.swap(fresh);
    }
    blocks_.splice(blocks_.end(), spare_);
    may_follow_ = false;
    return blocks_.back();
}

void queue::wake(std::unique_lock<std::mutex>& lock) noexcept {
    ++changes_;
    lock.unlock();
    work_.notify_one();
}

void queue::push(const event& what, kind of) noexcept {
    const std::string_view backend = cut(what.backend);
    const std::size_t size =
        sizeof(head) + sizeof(event_head) + backend.size() + what.message.size();
    const std::int64_t time = wall_clock();
    std::unique_lock lock(mutex_);
    bool taken =
        !stopped_ && what.message.size() <= longest && event_bytes_ + size <= limits_.bytes;
    try {
        if (taken) {
            block& last = block_for(size);
            head first{};
            first.size = static_cast<std::uint32_t>(what.message.size()) & longest;
            last.bytes.append(bytes_of(first))
                .append(bytes_of(event_head{time, what.channel, what.pid, what.level,
                                            static_cast<std::uint8_t>(backend.size()), of}))
                .append(backend)
                .append(what.message);
            last.events += size;
            event_bytes_ += size;
        }
    } catch (const std::exception&) {
        taken = false;
    }
    if (!taken) {
        ++dropped_;
        ++events_unreported_;
    }
    wake(lock);
}

void queue::append_line(const line_view& line, bool follows, std::size_t size) {
    block& last = block_for(size + (follows ? sizeof(line_head) : 0));
    follows = follows && may_follow_;  // never the first of a block
    if (!follows) size = sizeof(head) + sizeof(line_head) + line.size();
    head first{};
    first.size = static_cast<std::uint32_t>(line.size()) & longest;
    first.is_line = true;
    first.follows = follows;
    first.partial = line.unterminated;
    first.more = more_follows(line.piece);
    last.bytes.append(bytes_of(first));
    if (!follows) last.bytes.append(bytes_of(line_head{line.time, line.number}));
    last.bytes.append(line.head).append(line.rest);
    last.lines += size;
    line_bytes_ += size;
    last_ = line;
    may_follow_ = true;
}

flow queue::offer(const line_view& line) noexcept {
    const std::size_t payload = line.size() + 1;
    std::unique_lock lock(mutex_);
    ++counts_.offered;
    if (stopped_ || !limits_.lines) {
        ++counts_.dropped;
        return flow::more;
    }
    const bool follows =
        may_follow_ && line.time == last_.time && line.number == next_number(last_);
    const std::size_t size = sizeof(head) + (follows ? 0 : sizeof(line_head)) + line.size();
    const bool over_limit = line_bytes_ + size > limits_.bytes;
    bool taken = line.size() <= longest;
    if (over_limit && taken) {
        const std::size_t allowed =
            (limits_.pause ? limits_.delivery : 0) + (finishing_ ? capacity_ : 0);
        taken = overshoot_ + payload <= allowed;
        if (taken) overshoot_ += payload;
    }
    try {
        if (taken) append_line(line, follows, size);
    } catch (const std::exception&) {
        taken = false;
    }
    if (!taken) {
        ++counts_.dropped;
        ++dropped_;
        ++lines_unreported_;
    }
    const bool full = over_limit && limits_.pause && !finishing_;
    paused_ = paused_ || full;
    wake(lock);
    return full ? flow::pause : flow::more;
}

void queue::finishing(std::size_t capacity) noexcept {
    const std::lock_guard lock(mutex_);
    finishing_ = true;
    capacity_ = capacity;
    paused_ = false;
}

line_counts queue::counts() const noexcept {
    const std::lock_guard lock(mutex_);
    return counts_;
}

std::uint64_t queue::dropped() const noexcept {
    const std::lock_guard lock(mutex_);
    return dropped_;
}

bool queue::wait_settled(nanoseconds_t deadline) noexcept {
    // steady_clock is CLOCK_MONOTONIC, the clock that deadlines are on.
    const std::chrono::steady_clock::time_point until{std::chrono::nanoseconds(deadline)};
    std::unique_lock lock(mutex_);
    return settled_.wait_until(lock, until, [&, target = changes_] { return done_ >= target; });
}

void queue::stop() noexcept {
    std::unique_lock lock(mutex_);
    stopped_ = true;
    wake(lock);
}

queue::work queue::take() noexcept {
    work out;
    std::unique_lock lock(mutex_);
    work_.wait(lock, [this] {
        return !blocks_.empty() || stopped_ || events_unreported_ != 0 || lines_unreported_ != 0;
    });
    out.stopped = stopped_;
    taken_ = changes_;
    may_follow_ = false;
    if (blocks_.empty()) {
        out.lost_events = std::exchange(events_unreported_, 0);
        out.lost_lines = std::exchange(lines_unreported_, 0);
    }
    out.records.swap(blocks_);
    return out;
}

bool queue::next(const block& records, std::size_t& at, record& out) noexcept {
    const std::string& bytes = records.bytes;
    if (at == bytes.size()) return false;
    const auto first = load<head>(bytes, at);
    out.is_line = first.is_line;
    if (out.is_line) {
        if (first.follows) {
            out.line.number = next_number(out.line);
        } else {
            const auto own = load<line_head>(bytes, at);
            out.line.time = own.time;
            out.line.number = own.number;
        }
        out.line.head = load_text(bytes, at, first.size);
        out.line.unterminated = first.partial;
        out.line.piece = first.more ? line_piece::first : line_piece::whole;
    } else {
        const auto own = load<event_head>(bytes, at);
        const std::string_view backend = load_text(bytes, at, own.backend_size);
        out.time = own.time;
        out.what = own.what;
        out.said = {own.level, load_text(bytes, at, first.size), backend, own.channel, own.pid};
    }
    return true;
}

void queue::release(blocks& handled) noexcept {
    blocks gone;  // freed without the lock
    const std::lock_guard lock(mutex_);
    block& done = handled.front();
    event_bytes_ -= std::exchange(done.events, 0);
    line_bytes_ -= std::exchange(done.lines, 0);
    done.bytes.clear();
    const bool keep = spare_.empty() && done.bytes.capacity() < 2 * block_size;
    blocks& kept = keep ? spare_ : gone;
    kept.splice(kept.end(), handled, handled.begin());
}

void queue::settle(std::uint64_t written, std::uint64_t dropped) noexcept {
    const std::lock_guard lock(mutex_);
    counts_.written += written;
    counts_.dropped += dropped;
}

/// Half empty: a giver that goes on can then work for a while before it is paused again.
void queue::call_paused() noexcept {
    {
        const std::lock_guard lock(mutex_);
        if (!paused_ || line_bytes_ > limits_.bytes / 2) return;
        paused_ = false;
        overshoot_ = 0;
    }
    if (resume_) resume_();
}

void queue::mark_settled() noexcept {
    const std::lock_guard lock(mutex_);
    done_ = taken_;
    settled_.notify_all();
}

}  // namespace fd2::logging
