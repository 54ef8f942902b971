#include "capture/capture.hpp"

#include <algorithm>
#include <iterator>

namespace fd2::capture {

capture::capture(limits bounds) noexcept : limits_(bounds), tail_(bounds.tail) {}

std::uint8_t* capture::reserve(std::size_t& space) noexcept {
    const std::lock_guard lock(mutex_);
    return tail_.reserve(space);
}

flow capture::append(const std::uint8_t* data, std::size_t size) noexcept {
    const std::uint64_t newlines = count_newlines(data, size);
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
        if (!consumers_) return flow::more;
        // Under the same lock, so that a consumer that is added meanwhile starts after this chunk.
        begin_delivery();
    }
    return deliver(data, size, newlines);
}

flow capture::deliver(const std::uint8_t* data, std::size_t size, std::uint64_t newlines) noexcept {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    flow next = flow::more;
    const std::int64_t time = consumers_->present.empty() ? 0 : wall_clock();
    for (subscription& each : consumers_->present) {
        if (!begin_call(each)) continue;
        line_consumer& consumer = *each.consumer;
        std::uint64_t dropped = 0;
        each.lines.feed(
            text, newlines, time,
            [&](const line_view& line) { dropped += !consumer.try_take(line); },
            [&](const line_block& block) { dropped += consumer.take_block(block); });
        if (consumer.chunk_done() == flow::pause) next = flow::pause;
        end_call(dropped);
    }
    end_delivery();
    return next;
}

void capture::finish(end_kind end, int end_errno) noexcept {
    bool anybody = false;
    {
        const std::lock_guard lock(mutex_);
        anybody = consumers_ != nullptr;
        if (anybody) begin_delivery();
    }
    if (anybody) {
        const std::int64_t time = wall_clock();
        for (subscription& each : consumers_->present) {
            if (!begin_call(each)) continue;
            line_consumer& consumer = *each.consumer;
            std::uint64_t dropped = 0;
            each.lines.end(time,
                           [&](const line_view& line) { dropped += !consumer.try_take(line); });
            consumer.ended();
            end_call(dropped);
        }
    }
    std::list<subscription> gone;
    std::list<subscription> late;
    {
        const std::lock_guard lock(mutex_);
        end_ = end;
        end_errno_ = end_errno;
        if (!consumers_) return;
        consumers_->at_work = false;
        gone.swap(consumers_->present);
        late.swap(consumers_->coming);
    }
    for (const subscription& each : late) each.consumer->ended();
}

/// [mutex_ held]
void capture::begin_delivery() noexcept {
    consumers_->present.splice(consumers_->present.end(), consumers_->coming);
    consumers_->at_work = true;
    consumers_->drain = std::this_thread::get_id();
}

bool capture::begin_call(subscription& each) noexcept {
    const std::lock_guard lock(mutex_);
    if (each.removed) return false;
    consumers_->calling = &each;
    return true;
}

void capture::end_call(std::uint64_t dropped) noexcept {
    const std::lock_guard lock(mutex_);
    lines_dropped_ += dropped;
    consumers_->calling = nullptr;
    consumers_->called.notify_all();
}

void capture::end_delivery() noexcept {
    std::list<subscription> gone;  // destroyed without the lock: a filter may own anything
    const std::lock_guard lock(mutex_);
    consumers_->at_work = false;
    auto& present = consumers_->present;
    for (auto each = present.begin(); each != present.end();) {
        const auto next = std::next(each);
        if (each->removed) gone.splice(gone.end(), present, each);
        each = next;
    }
}

std::uint64_t capture::add(std::shared_ptr<line_consumer> consumer) {
    std::list<subscription> one;
    std::uint64_t number = 0;
    {
        const std::lock_guard lock(mutex_);
        number = newlines_ + (in_line_ ? 2 : 1);
        if (end_ == end_kind::none) {
            if (!consumers_) consumers_ = std::make_unique<delivery>();
            one.push_back({std::move(consumer), line_splitter(limits_.max_line, number, in_line_)});
            consumers_->coming.splice(consumers_->coming.end(), one);
            return number;
        }
    }
    consumer->ended();
    return number;
}

void capture::remove(const line_consumer* consumer) noexcept {
    std::list<subscription> gone;  // as above
    std::unique_lock lock(mutex_);
    if (!consumers_) return;
    delivery& all = *consumers_;
    const auto is_it = [&](const subscription& each) { return each.consumer.get() == consumer; };
    const auto take_from = [&](std::list<subscription>& list) {
        const auto found = std::find_if(list.begin(), list.end(), is_it);
        if (found != list.end()) gone.splice(gone.end(), list, found);
    };
    take_from(all.coming);
    if (!all.at_work) {
        take_from(all.present);
        return;
    }
    const auto found = std::find_if(all.present.begin(), all.present.end(), is_it);
    if (found == all.present.end()) return;
    found->removed = true;
    if (all.drain == std::this_thread::get_id()) return;
    const subscription* const it = &*found;
    all.called.wait(lock, [&] { return all.calling != it; });
}

snapshot capture::take_snapshot() const {
    const std::lock_guard lock(mutex_);
    snapshot out;
    out.bytes = tail_.bytes();
    fill_in(out);
    return out;
}

snapshot capture::figures() const noexcept {
    const std::lock_guard lock(mutex_);
    snapshot out;
    fill_in(out);
    return out;
}

std::array<std::string_view, 2> capture::tail_parts() const noexcept {
    const std::lock_guard lock(mutex_);
    return tail_.parts();
}

/// Everything but the bytes.
void capture::fill_in(snapshot& out) const noexcept {
    out.offset = tail_.offset();
    out.total_bytes = tail_.total();
    out.total_lines = newlines_ + (in_line_ && end_ != end_kind::none ? 1 : 0);
    out.lines_dropped = lines_dropped_;
    out.first_byte = first_byte_;
    out.end = end_;
    out.end_errno = end_errno_;
}

}  // namespace fd2::capture
