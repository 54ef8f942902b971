#include "logging/record_queue.hpp"

#include <time.h>

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

namespace fd2::logging {
namespace {

constexpr std::size_t block_size = 64U << 10;

std::int64_t wall_clock() noexcept {
    timespec ts{};
    ::clock_gettime(CLOCK_REALTIME, &ts);
    return static_cast<std::int64_t>(ts.tv_sec) * second + ts.tv_nsec;
}

void free_chain(std::unique_ptr<record_block> chain) noexcept {
    while (chain) chain = std::move(chain->next);  // not recursively: a chain can be long
}

}  // namespace

record_queue::~record_queue() {
    free_chain(std::move(first_));
}

/// Room for `size` more bytes at the end of the last block, or a new block; null without memory.
std::byte* record_queue::reserve(std::size_t size) noexcept {
    if (!last_ || last_->capacity - last_->used < size) {
        std::unique_ptr<record_block> fresh;
        if (spare_ && spare_->capacity >= size) {
            fresh = std::move(spare_);
        } else {
            fresh.reset(new (std::nothrow) record_block);
            if (!fresh) return nullptr;
            fresh->capacity = std::max(size, block_size);
            fresh->data.reset(new (std::nothrow) std::byte[fresh->capacity]);
            if (!fresh->data) return nullptr;
        }
        record_block* const added = fresh.get();
        (last_ ? last_->next : first_) = std::move(fresh);
        last_ = added;
        run_.reset();
    }
    std::byte* const at = last_->data.get() + last_->used;
    last_->used += size;
    return at;
}

void record_queue::wake(std::unique_lock<std::mutex>& lock) noexcept {
    ++changes_;
    const bool waits = std::exchange(consumer_waits_, false);
    lock.unlock();
    if (waits) work_.notify_one();
}

void record_queue::push(const event& what) noexcept {
    const std::int64_t time_ns = wall_clock();
    const std::size_t size = event_size(what);

    std::unique_lock lock(mutex_);
    ++events_offered_;
    std::byte* to = nullptr;
    if (!stopped_ && event_records_ < bounds_.records && size <= bounds_.bytes &&
        event_bytes_ <= bounds_.bytes - size) {
        run_.reset();
        to = reserve(size);
    }
    if (!to) {
        ++events_dropped_;
        ++events_unreported_;
        return wake(lock);
    }
    put_event(to, what, time_ns);
    event_bytes_ += size;
    last_->event_bytes += size;
    ++event_records_;
    ++last_->event_records;
    wake(lock);
}

line_source* record_queue::add_source(std::function<void()> on_room) {
    auto made = std::make_unique<line_source>();
    made->on_room = std::move(on_room);
    line_source* const source = made.get();
    const std::unique_lock lock(mutex_);
    sources_.emplace(source, std::move(made));
    return source;
}

bool record_queue::append_line(line_source& source, const line_record& line,
                               std::int64_t time_us) noexcept {
    if (line.text.size() + line.rest.size() > longest_text) return false;
    std::size_t size = further_size(line);
    if (run_ && last_->capacity - last_->used >= size &&
        continues_run(last_->data.get() + *run_, source, line, time_us)) {
        std::byte* const to = reserve(size);
        put_further(last_->data.get() + *run_, to, line, time_us);
    } else {
        size = run_size(line);
        std::byte* const to = reserve(size);
        if (!to) return false;
        put_run(to, source, line, time_us);
        run_ = static_cast<std::size_t>(to - last_->data.get());
    }
    line_bytes_ += size;
    last_->line_bytes += size;
    ++line_records_;
    ++last_->line_records;
    return true;
}

void record_queue::lose(line_source& source, const line_record& line) noexcept {
    ++source.counts.dropped;
    if (stopped_ || !bounds_.lines) return;  // nobody to tell
    ++source.unreported;
    source.channel = line.channel;
    source.pid = line.pid;
    if (!std::exchange(source.in_losers, true)) {
        source.next_loser = std::exchange(losers_, &source);
    }
}

verdict record_queue::offer(line_source& source, const line_record& line) noexcept {
    const std::int64_t time_us = (line.time_ns != 0 ? line.time_ns : wall_clock()) / microsecond;
    const std::size_t payload = line.text.size() + line.rest.size() + 1;

    std::unique_lock lock(mutex_);
    ++source.counts.offered;
    if (stopped_ || !bounds_.lines) {
        lose(source, line);
        return verdict::room;
    }
    const bool over =
        line_records_ >= bounds_.records || line_bytes_ + further_size(line) > bounds_.bytes;
    const bool pauses = bounds_.policy == when_full::pause;
    bool taken = true;
    if (over) {
        const std::size_t allowed =
            (pauses ? bounds_.delivery_bytes : 0) + (source.finishing ? source.capacity : 0);
        taken = source.overshoot <= allowed && payload <= allowed - source.overshoot;
        if (taken) source.overshoot += payload;
    }
    if (taken && append_line(source, line, time_us)) {
        ++source.counts.queued;
    } else {
        lose(source, line);
    }
    const bool full = over && pauses && !source.finishing;
    if (full) {
        source.paused = true;
        if (!std::exchange(source.in_paused, true)) {
            source.next_paused = std::exchange(paused_, &source);
        }
    }
    wake(lock);
    return full ? verdict::full : verdict::room;
}

void record_queue::finishing(line_source& source, std::size_t capacity_bytes) noexcept {
    const std::unique_lock lock(mutex_);
    source.finishing = true;
    source.capacity = capacity_bytes;
    source.paused = false;
}

line_counts record_queue::counts(const line_source& source) const noexcept {
    const std::unique_lock lock(mutex_);
    return source.counts;
}

void record_queue::close(line_source& source) noexcept {
    std::function<void()> last;  // its captures are destroyed without the lock
    std::unique_lock lock(mutex_);
    source.paused = false;
    if (calling_ == &source && std::this_thread::get_id() == consumer_) {
        source.closed = true;  // inside on_room: call_paused sees to the rest
        return;
    }
    called_.wait(lock, [&] { return calling_ != &source; });
    source.closed = true;  // not before: the consumer frees what is closed
    last.swap(source.on_room);
    reap(source);
}

/// Frees a source that nobody can reach any more. Sources in a list are freed when it is walked.
void record_queue::reap(line_source& source) noexcept {
    if (source.closed && source.counts.queued == 0 && !source.in_paused && !source.in_losers &&
        calling_ != &source) {
        sources_.erase(&source);
    }
}

void record_queue::request_reopen() noexcept {
    std::unique_lock lock(mutex_);
    reopen_ = true;
    wake(lock);
}

void record_queue::stop() noexcept {
    std::unique_lock lock(mutex_);
    stopped_ = true;
    wake(lock);
}

bool record_queue::wait_settled(nanoseconds_t deadline) noexcept {
    std::unique_lock lock(mutex_);
    const std::uint64_t target = changes_;
    const auto settled = [&] { return done_ >= target; };
    if (deadline == never) {
        settled_.wait(lock, settled);
        return true;
    }
    // steady_clock is CLOCK_MONOTONIC, the clock that deadlines are on.
    const std::chrono::steady_clock::time_point until{std::chrono::nanoseconds(deadline)};
    return settled_.wait_until(lock, until, settled);
}

std::uint64_t record_queue::events_offered() const noexcept {
    const std::unique_lock lock(mutex_);
    return events_offered_;
}

std::uint64_t record_queue::events_dropped() const noexcept {
    const std::unique_lock lock(mutex_);
    return events_dropped_;
}

record_queue::work record_queue::take() noexcept {
    work out;
    std::unique_lock lock(mutex_);
    consumer_ = std::this_thread::get_id();
    while (!first_ && !reopen_ && !stopped_ && events_unreported_ == 0 && !losers_) {
        consumer_waits_ = true;
        work_.wait(lock);
    }
    consumer_waits_ = false;
    out.blocks = std::move(first_);
    last_ = nullptr;
    run_.reset();
    out.reopen = std::exchange(reopen_, false);
    out.stopped = stopped_;
    taken_ = changes_;
    if (!out.blocks) {
        out.lost_events = std::exchange(events_unreported_, 0);
        while (losers_) {
            line_source& source = *std::exchange(losers_, losers_->next_loser);
            source.in_losers = false;
            const line_loss lost{std::exchange(source.unreported, 0), source.channel, source.pid};
            try {
                out.lost_lines.push_back(lost);
            } catch (const std::bad_alloc&) {  // the count stands in the counters all the same
            }
            reap(source);
        }
    }
    return out;
}

void record_queue::release(std::unique_ptr<record_block> block) noexcept {
    const std::unique_lock lock(mutex_);
    event_bytes_ -= block->event_bytes;
    event_records_ -= block->event_records;
    line_bytes_ -= block->line_bytes;
    line_records_ -= block->line_records;
    if (!spare_ && block->capacity == block_size) {
        block->used = block->event_bytes = block->event_records = 0;
        block->line_bytes = block->line_records = 0;
        spare_ = std::move(block);
    }
}

void record_queue::settle(line_source& source, std::uint64_t written,
                          std::uint64_t dropped) noexcept {
    const std::unique_lock lock(mutex_);
    source.counts.written += written;
    source.counts.dropped += dropped;
    source.counts.queued -= written + dropped;
    reap(source);
}

/// Half empty: a channel that goes on can then work for a while before it is paused again.
bool record_queue::room() const noexcept {
    return line_bytes_ <= bounds_.bytes / 2 && line_records_ <= bounds_.records / 2;
}

void record_queue::call_paused() noexcept {
    std::unique_lock lock(mutex_);
    while (paused_ && room()) {
        line_source& source = *std::exchange(paused_, paused_->next_paused);
        source.in_paused = false;
        std::function<void()> last;
        if (std::exchange(source.paused, false) && !source.closed) {
            source.overshoot = 0;
            calling_ = &source;
            lock.unlock();
            try {
                if (source.on_room) source.on_room();
            } catch (...) {  // a callback's failure is its giver's; the log goes on
            }
            lock.lock();
            calling_ = nullptr;
            called_.notify_all();
            if (source.closed) last.swap(source.on_room);
        }
        reap(source);
        lock.unlock();
        last = nullptr;
        lock.lock();
    }
}

void record_queue::mark_settled() noexcept {
    const std::unique_lock lock(mutex_);
    done_ = taken_;
    settled_.notify_all();
}

}  // namespace fd2::logging
