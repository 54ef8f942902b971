#include "capture/capture.hpp"

#include <time.h>

namespace fd2::capture {

namespace {
std::int64_t wall_clock() noexcept {
    timespec ts{};
    ::clock_gettime(CLOCK_REALTIME, &ts);
    return static_cast<std::int64_t>(ts.tv_sec) * second + ts.tv_nsec;
}
}  // namespace

capture::capture(limits with) noexcept : limits_(with), tail_(with.tail) {}

std::uint8_t* capture::reserve(std::size_t& room) noexcept {
    const std::lock_guard lock(mutex_);
    return tail_.reserve(room);
}

bool capture::append(const std::uint8_t* data, std::size_t size) noexcept {
    const std::uint64_t newlines = count_newlines(data, size);
    // Held over both steps: a consumer that is added meanwhile starts behind this chunk.
    const std::lock_guard consumers(consumers_mutex_);
    {
        const std::lock_guard lock(mutex_);
        if (tail_.total() == 0) first_byte_ = now();
        if (tail_.is_reserved(data)) {
            tail_.commit(size);
        } else {
            tail_.append(data, size);
        }
        newlines_ += newlines;
        in_line_ = data[size - 1] != '\n';
    }
    return consumers_ && !consumers_->empty() && deliver(data, size, newlines);
}

bool capture::deliver(const std::uint8_t* data, std::size_t size, std::uint64_t newlines) noexcept {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const std::int64_t time = wall_clock();
    bool full = false;
    std::uint64_t dropped = 0;
    for (auto& each : *consumers_) {
        line_consumer& to = *each.consumer;
        each.lines.feed(
            text, newlines, time, [&](const line_view& line) { dropped += !to.offer(line); },
            [&](const line_block& block) { dropped += to.offer_block(block); });
        full |= to.chunk_done();
    }
    if (dropped != 0) {
        const std::lock_guard lock(mutex_);
        lines_dropped_ += dropped;
    }
    return full;
}

void capture::finish(end_kind end, int end_errno) noexcept {
    const std::lock_guard consumers(consumers_mutex_);
    std::uint64_t dropped = 0;
    if (consumers_) {
        const std::int64_t time = wall_clock();
        for (auto& each : *consumers_) {
            line_consumer& to = *each.consumer;
            each.lines.end(time, [&](const line_view& line) { dropped += !to.offer(line); });
            to.ended();
        }
        consumers_.reset();
    }
    const std::lock_guard lock(mutex_);
    lines_dropped_ += dropped;
    end_ = end;
    end_errno_ = end_errno;
}

std::uint64_t capture::add(std::shared_ptr<line_consumer> consumer) {
    const std::lock_guard consumers(consumers_mutex_);
    const std::lock_guard lock(mutex_);
    const std::uint64_t number = newlines_ + (in_line_ ? 2 : 1);
    if (end_ != end_kind::none) {
        consumer->ended();
        return number;
    }
    if (!consumers_) consumers_ = std::make_unique<std::vector<subscription>>();
    consumers_->push_back({std::move(consumer), line_splitter(limits_.max_line, number, in_line_)});
    return number;
}

void capture::remove(const line_consumer* consumer) {
    const std::lock_guard consumers(consumers_mutex_);
    if (!consumers_) return;
    std::erase_if(*consumers_, [&](const subscription& s) { return s.consumer.get() == consumer; });
}

snapshot capture::look() const {
    const std::lock_guard lock(mutex_);
    snapshot out;
    out.bytes = tail_.bytes();
    out.offset = tail_.offset();
    out.total_bytes = tail_.total();
    out.total_lines = newlines_ + (in_line_ && end_ != end_kind::none ? 1 : 0);
    out.lines_dropped = lines_dropped_;
    out.first_byte = first_byte_;
    out.end = end_;
    out.end_errno = end_errno_;
    return out;
}

}  // namespace fd2::capture
