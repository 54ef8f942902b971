#include "capture/subscriber.hpp"

#include <chrono>
#include <utility>

namespace fd2::capture {

namespace {
// One writer: a plain load and store, atomic only so that others may look.
void count(std::atomic<std::uint64_t>& counter, std::uint64_t more) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
}
}  // namespace

bool subscriber::try_take(const line_view& line) noexcept {
    const bool taken = ring_.put(line);
    count(taken ? sent_ : dropped_, 1);
    return taken;
}

std::uint64_t subscriber::take_block(const line_block& block) noexcept {
    const std::uint64_t taken = ring_.put(block);
    count(sent_, taken);
    count(dropped_, block.count - taken);
    return block.count - taken;
}

flow subscriber::chunk_done() noexcept {
    // One publication, and at most one wake-up, for all lines of a chunk. Sequentially consistent
    // with `waiting_`: either the consumer sees the lines, or we see that it waits.
    if (ring_.publish() && waiting_.load(std::memory_order_seq_cst)) wake();
    return flow::more;
}

void subscriber::wake() {
    std::function<void()> ready;
    {
        const std::lock_guard lock(mutex_);
        waiting_.store(false, std::memory_order_seq_cst);
        ready.swap(ready_);
    }
    // Without the lock, which the woken one wants at once.
    arrived_.notify_one();
    if (ready) ready();
}

void subscriber::ended() noexcept {
    ring_.publish();
    ended_.store(true, std::memory_order_seq_cst);
    wake();
}

bool subscriber::when_arrived(std::function<void()> ready) {
    std::function<void()> earlier;  // goes without the lock: it may own anything, even this queue
    const std::lock_guard lock(mutex_);
    ready_.swap(earlier);
    if (!ready) return true;
    waiting_.store(true, std::memory_order_seq_cst);
    if (ring_.empty() && !ended_.load(std::memory_order_seq_cst)) {
        ready_.swap(ready);
        return true;
    }
    waiting_.store(false, std::memory_order_seq_cst);
    return false;
}

/// Returns when there are lines, at the end, or at the deadline.
void subscriber::sleep_until(nanoseconds_t deadline) {
    std::unique_lock lock(mutex_);
    for (;;) {
        waiting_.store(true, std::memory_order_seq_cst);
        if (!ring_.empty() || ended_.load(std::memory_order_seq_cst)) break;
        if (deadline == never) {
            arrived_.wait(lock);
        } else {
            // steady_clock is CLOCK_MONOTONIC, so the deadline is one of its points.
            const std::chrono::steady_clock::time_point until{std::chrono::nanoseconds(deadline)};
            if (arrived_.wait_until(lock, until) == std::cv_status::timeout) break;
        }
    }
    waiting_.store(false, std::memory_order_seq_cst);
}

bool subscriber::finished() const noexcept {
    return ended_.load(std::memory_order_acquire) && ring_.empty();
}

}  // namespace fd2::capture
