#include "library/line_queue.hpp"

#include <algorithm>
#include <utility>

namespace fd2 {

namespace {

constexpr std::size_t smallest_capacity = 4096;

std::chrono::system_clock::time_point as_time(std::int64_t since_epoch) {
    return std::chrono::system_clock::time_point(
        std::chrono::duration_cast<std::chrono::system_clock::duration>(
            std::chrono::nanoseconds(since_epoch)));
}

void fill(stderr_line& out, const line_view& line) {
    out.text.assign(line.rest);
    out.number = line.number;
    out.time = as_time(line.time);
    out.piece = line.piece;
    out.unterminated = line.unterminated;
}

}  // namespace

line_queue::line_queue(line_filter filter, std::size_t capacity)
    : filter_(std::move(filter)), lines_(std::max(capacity, smallest_capacity)) {}

void line_queue::attach(const std::shared_ptr<line_queue>& queue,
                        const std::shared_ptr<capture::capture>& record) {
    if (queue->attached_.exchange(true)) return;
    if (!record) {
        queue->ended();
        return;
    }
    {
        const std::lock_guard lock(queue->mutex_);
        queue->record_ = record;
    }
    queue->first_.store(record->add(queue), std::memory_order_relaxed);
}

void line_queue::leave() noexcept {
    if (!home_.here()) return;
    attached_.store(true);
    // Before the removal: called from the filter itself, it must spare the rest of the chunk.
    left_.store(true, std::memory_order_relaxed);
    lines_.when_arrived({});
    std::shared_ptr<capture::capture> record;
    {
        const std::lock_guard lock(mutex_);
        record = record_.lock();
    }
    if (record) record->remove(this);
}

bool line_queue::try_take(const line_view& line) noexcept {
    if (!filter_) return lines_.try_take(line);
    if (left_.load(std::memory_order_relaxed)) return true;
    try {
        std::string_view text = line.rest.empty() ? line.head : line.rest;
        if (!line.head.empty() && !line.rest.empty()) {
            joined_.assign(line.head);
            joined_.append(line.rest);
            text = joined_;
        }
        if (!filter_(text)) {
            filtered_.fetch_add(1, std::memory_order_relaxed);
            return true;
        }
    } catch (...) {
        failed_.fetch_add(1, std::memory_order_relaxed);
        return false;
    }
    return lines_.try_take(line);
}

std::uint64_t line_queue::take_block(const capture::line_block& block) noexcept {
    return filter_ ? line_consumer::take_block(block) : lines_.take_block(block);
}

stderr_lines subscribe_to(const std::shared_ptr<capture::capture>& record, line_filter filter,
                          std::size_t capacity) {
    auto queue = std::make_shared<line_queue>(std::move(filter), capacity);
    line_queue::attach(queue, record);
    return lines_access::make(std::move(queue));
}

stderr_lines::stderr_lines() noexcept = default;
stderr_lines::stderr_lines(std::shared_ptr<line_queue> queue) noexcept : queue_(std::move(queue)) {}
stderr_lines::stderr_lines(stderr_lines&&) noexcept = default;

stderr_lines& stderr_lines::operator=(stderr_lines&& other) noexcept {
    if (this != &other) {
        if (queue_) queue_->leave();
        queue_ = std::move(other.queue_);
    }
    return *this;
}

stderr_lines::~stderr_lines() {
    if (queue_) queue_->leave();
}

std::optional<stderr_line> stderr_lines::poll() {
    stderr_line out;
    if (!poll(out)) return std::nullopt;
    return out;
}

bool stderr_lines::poll(stderr_line& out) {
    if (!queue_) return false;
    const auto lent = queue_->lines().poll();
    if (lent) fill(out, *lent);
    return lent.has_value();
}

std::optional<stderr_line> stderr_lines::wait(std::chrono::steady_clock::time_point deadline) {
    if (!queue_) return std::nullopt;
    const auto lent = queue_->lines().wait(deadline_of(deadline));
    if (!lent) return std::nullopt;
    stderr_line out;
    fill(out, *lent);
    return out;
}

stderr_block lines_access::block_of(const std::optional<capture::lent_lines>& lent) noexcept {
    if (!lent) return {};
    if (const auto& line = lent->alone) {
        return stderr_block(
            {{}, line->number, as_time(line->time), line->piece, line->unterminated}, line->rest);
    }
    const capture::line_block& block = lent->block;
    return stderr_block({{}, block.first, as_time(block.time)}, block.text);
}

stderr_block stderr_lines::poll_block() {
    return queue_ ? lines_access::block_of(queue_->lines().poll_all()) : stderr_block();
}

stderr_block stderr_lines::wait_block(std::chrono::steady_clock::time_point deadline) {
    return queue_ ? lines_access::block_of(queue_->lines().wait_all(deadline_of(deadline)))
                  : stderr_block();
}

bool stderr_lines::finished() const noexcept {
    return !queue_ || queue_->lines().finished();
}

bool stderr_lines::notify(std::function<void()> ready) {
    return queue_ && queue_->lines().when_arrived(std::move(ready));
}

std::uint64_t stderr_lines::sent() const noexcept {
    return queue_ ? queue_->lines().sent() : 0;
}

std::uint64_t stderr_lines::dropped() const noexcept {
    return queue_ ? queue_->dropped() : 0;
}

std::uint64_t stderr_lines::filtered() const noexcept {
    return queue_ ? queue_->filtered() : 0;
}

std::uint64_t stderr_lines::first() const noexcept {
    return queue_ ? queue_->first() : 0;
}

}  // namespace fd2
