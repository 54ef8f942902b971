#include "forward/core.hpp"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <string>
#include <utility>

namespace fd2::forward {
namespace {

void take_out(std::deque<stream_ptr>& list, const stream_ptr& s) {
    const auto found = std::find(list.begin(), list.end(), s);
    if (found != list.end()) list.erase(found);
}

}  // namespace

core::core(int fd, options chosen, observer* watcher)
    : options_(std::move(chosen)), watcher_(watcher) {
    opened out = open_writer(fd);
    way_ = std::move(out.way);
    failed_ = out.error;
    terminal_ = out.terminal;
    if (way_) name_ = way_->name();
    waits_ = options_.blocked == when_blocked::wait ||
             (options_.blocked == when_blocked::automatic && terminal_);
}

stream_ptr core::open(std::function<void()> on_room) {
    auto s = std::make_shared<stream_state>();
    s->on_room = std::move(on_room);
    if (options_.how == mode::lines) s->shape = line_shaper(options_.prefix);
    if (options_.how == mode::lossy) s->shape = utf8_shaper();
    return s;
}

verdict core::offer(const stream_ptr& s, const std::uint8_t* data, std::size_t size) {
    guard lock(mutex_);
    s->offered += size;
    if (options_.how == mode::off) return verdict::room;
    if (!ended(*s) && size > 0) {
        if (s->shape) {
            offer_shaped(lock, s, data, size);
        } else {
            deliver(lock, {s, data, size, size});
        }
    }
    if (ended(*s)) drop_outstanding(*s);
    return answer(s);
}

void core::offer_shaped(guard& lock, const stream_ptr& s, const std::uint8_t* data,
                        std::size_t size) {
    const std::uint32_t epoch = s->epoch;
    const bool lost = std::exchange(s->lost, false);
    s->shaping = true;
    lock.unlock();
    std::string scratch;
    shaped out;
    bool fed = true;
    try {
        if (lost) s->shape->lost();
        out = s->shape->feed(data, size, scratch);
    } catch (const std::bad_alloc&) {
        fed = false;
    }
    lock.lock();
    s->shaping = false;
    if (s->epoch != epoch) {  // all of it was counted as dropped meanwhile
        s->shape->reset();
        return;
    }
    if (!fed) {
        s->dropped += size;
        return;
    }
    if (s->shape->restless()) expect_end(lock, s);
    if (out.size > 0) deliver(lock, {s, out.data, out.size, out.source});
}

// Arranges that the unfinished line goes out after a time of silence. Without a thread it waits
// for the next chunk, `finishing` or `flush`.
void core::expect_end(guard& lock, const stream_ptr& s) {
    s->line_due = after(now(), partial_line_delay);
    if (!s->has_line) {
        try {
            unfinished_.push_back(s);
            s->has_line = true;
        } catch (const std::bad_alloc&) {
            return;
        }
    }
    if (have_worker(lock)) wake_for(s->line_due);
}

// Hands out what the stream's shaper keeps.
void core::give(guard& lock, const stream_ptr& s, bool last) {
    s->line_due = never;
    if (!s->shape || s->shaping || ended(*s)) return;
    std::string scratch;
    shaped out;
    try {
        if (std::exchange(s->lost, false)) s->shape->lost();
        out = s->shape->end(last, scratch);
    } catch (const std::bad_alloc&) {
        return;  // it stays kept, and a flush that cannot deliver it counts it as dropped
    }
    if (out.size > 0) deliver(lock, {s, out.data, out.size, out.source});
}

// Writes at once what can be written at once, in the caller's memory, and queues the rest.
bool core::deliver(guard& lock, piece bytes) {
    bool front = false;
    if (queue_.empty() && !writing_ && !way_->blocks()) {
        const std::uint32_t epoch = bytes.owner ? bytes.owner->epoch : 0;
        const std::uint8_t before = queue_.last();
        queue_.passed(bytes.data[bytes.size - 1]);  // for notes that come meanwhile
        writing_ = true;
        lock.unlock();
        const sent done = bytes.owner ? write_patiently(bytes) : write_now(bytes);
        lock.lock();
        writing_ = false;
        changed_.notify_all();
        if (done.bytes > 0 && stalled_) progress();
        const bool dropped = bytes.owner && bytes.owner->epoch != epoch;
        if (bytes.owner && !dropped) bytes.owner->forwarded += bytes.share(done.bytes);
        blocked_ = done.bytes < bytes.size;
        if (blocked_) queue_.passed(done.bytes == 0 ? before : bytes.data[done.bytes - 1]);
        bytes.advance(done.bytes);
        if (done.error != 0 && done.error != EAGAIN) {
            fail(lock, "write", done.error);
            return false;
        }
        if (dropped || closed_) bytes.size = 0;
        front = true;
    }
    const bool taken = bytes.size == 0 || admit(bytes, front);
    // Others may have queued while we had the turn: write for them rather than make a thread.
    for (int i = 0; i < 4 && !blocked_ && !queue_.empty() && !writing_ && !way_->blocks(); ++i) {
        pump(lock);
    }
    see_to_queue(lock, bytes.owner != nullptr);
    return taken && failed_ == 0;
}

// One write, save that in mode `lines` a medium with whole writes gets whole lines.
sent core::write_now(const piece& bytes) {
    const std::size_t whole = options_.how == mode::lines ? way_->whole() : 0;
    sent total;
    while (total.bytes < bytes.size) {
        const std::uint8_t* const data = bytes.data + total.bytes;
        std::size_t size = std::min(bytes.size - total.bytes, way_->limit());
        if (whole != 0) size = whole_unit(data, size, whole);
        const iovec part{const_cast<std::uint8_t*>(data), size};
        const sent one = way_->write(&part, 1);
        total.bytes += one.bytes;
        total.error = one.error;
        if (one.bytes < size) break;
    }
    return total;
}

// As write_now, but waits for room for a moment (options::patience).
sent core::write_patiently(const piece& bytes) {
    sent total = write_now(bytes);
    if (options_.patience == 0 || way_->wait_fd() < 0) return total;
    nanoseconds_t limit = 0;
    while (total.bytes < bytes.size && (total.error == 0 || total.error == EAGAIN)) {
        const nanoseconds_t present = now();
        if (limit == 0) limit = after(present, options_.patience);
        if (present >= limit) break;
        pollfd room{way_->wait_fd(), POLLOUT, 0};
        if (::poll(&room, 1, poll_timeout(limit, present)) <= 0) break;
        if ((room.revents & POLLOUT) == 0) break;  // an error: found out by who writes next
        piece rest = bytes;
        rest.data += total.bytes;
        rest.size -= total.bytes;
        const sent more = write_now(rest);
        if (more.bytes == 0 && more.error == EAGAIN) break;
        total.bytes += more.bytes;
        total.error = more.error;
    }
    return total;
}

// How many of a stream's bytes may be queued now.
std::size_t core::allowance(const piece& bytes) const noexcept {
    stream_state& s = *bytes.owner;
    const std::size_t taken = queue_.used() + byte_queue::segment_cost;
    const std::size_t room = options_.buffer > taken ? options_.buffer - taken : 0;
    if (bytes.size <= room) return bytes.size;
    if (options_.blocked == when_blocked::drop) return room;
    if (s.finishing) {
        const std::uint64_t extra =
            std::min<std::uint64_t>(bytes.size - room, finish_reserve - s.beyond);
        s.beyond += extra;
        return room + static_cast<std::size_t>(extra);
    }
    // One that was told to go on has its chunk taken, wherever the others have brought the queue.
    if (waits_ || (s.trusted && !stalled_)) return bytes.size;
    return room;
}

bool core::admit(piece bytes, bool front) {
    if (queue_.empty()) progress_ = now();
    std::size_t take = bytes.size;
    if (bytes.owner) {
        take = allowance(bytes);
        if (take < bytes.size && bytes.owner->shape) {
            take = bytes.owner->shape->cut(bytes.data, take);
        }
    }
    piece kept = bytes;
    kept.size = take;
    kept.source = bytes.share(take);
    try {
        if (take == 0) {
            kept.source = 0;
        } else if (front) {
            queue_.push_front(kept);
        } else {
            queue_.push_back(kept);
        }
    } catch (const std::bad_alloc&) {
        kept.size = 0;
        kept.source = 0;
    }
    if (kept.size == bytes.size) return true;
    if (bytes.owner) {
        bytes.owner->dropped += bytes.source - kept.source;
        bytes.owner->lost = true;
    }
    return false;
}

verdict core::answer(const stream_ptr& s) {
    if (s->paused) return verdict::full;
    // Without a thread nobody could call `on_room`; then `offer` itself has waited.
    if (options_.blocked == when_blocked::drop || s->finishing || ended(*s) ||
        thread_ != thread_state::running) {
        return verdict::room;
    }
    const bool small = options_.buffer < 2 * max_chunk;
    const bool full =
        waits_ || small ? !queue_.empty() : queue_.used() + max_chunk > options_.buffer;
    if (!full || stalled_) {
        s->trusted = !stalled_;
        return verdict::room;
    }
    try {
        paused_.push_back(s);
    } catch (const std::bad_alloc&) {
        return verdict::room;
    }
    s->paused = true;
    wake_for(stall_deadline());
    return verdict::full;
}

void core::finishing(const stream_ptr& s) {
    guard lock(mutex_);
    s->finishing = true;
    if (s->paused) {
        try {
            due_.push_back(s);
            take_out(paused_, s);
            s->paused = false;
        } catch (const std::bad_alloc&) {
            // It stays among the paused and is released with them.
        }
        wake_for(0);
    }
    give(lock, s, false);
    if (ended(*s)) drop_outstanding(*s);
}

void core::drop_outstanding(stream_state& s) noexcept {
    if (s.outstanding() == 0) return;
    s.dropped = s.offered - s.forwarded;
    ++s.epoch;
    queue_.remove(s);
    if (s.shape && !s.shaping) s.shape->reset();
    s.lost = true;
    changed_.notify_all();
}

bool core::flush(const stream_ptr& s, nanoseconds_t deadline) {
    guard lock(mutex_);
    if (options_.how == mode::off) return true;
    give(lock, s, true);
    const nanoseconds_t start = now();
    while (s->outstanding() > 0 && !ended(*s)) {
        const nanoseconds_t limit = std::min(deadline, flush_limit(start));
        if (now() >= limit) break;
        if (thread_ == thread_state::impossible && !queue_.empty() && !writing_) {
            write_here(lock);
        } else {
            changed_.wait_until(lock, limit);
        }
    }
    drop_outstanding(*s);
    if (!paused_.empty()) wake_for(0);
    return s->dropped == 0;
}

bool core::flush_then(const stream_ptr& s, std::function<void()> done) {
    {
        guard lock(mutex_);
        if (options_.how == mode::off) return true;
        give(lock, s, true);
        if (s->outstanding() == 0 || ended(*s)) {
            drop_outstanding(*s);
            return true;
        }
        bool arranged = have_worker(lock);
        try {
            if (arranged) flushing_.push_back(s);
        } catch (const std::bad_alloc&) {
            arranged = false;
        }
        if (arranged) {
            s->on_flushed = std::move(done);
            s->flush_started = now();
            wake_for(flush_limit(s->flush_started));
            return false;
        }
    }
    flush(s, never);
    return true;
}

void core::abandon(const stream_ptr& s) {
    const guard lock(mutex_);
    give_up(s);
}

void core::give_up(const stream_ptr& s) {
    s->abandoned = true;
    if (options_.how != mode::off) drop_outstanding(*s);
    s->paused = false;
    take_out(paused_, s);
    take_out(due_, s);
    // The queue may have become low.
    if (!paused_.empty() || !flushing_.empty()) wake_for(0);
}

void core::detach(const stream_ptr& s) {
    guard lock(mutex_);
    // Before its bytes are given up, which ends a flush: nobody is there to be told.
    std::erase(flushing_, s);
    give_up(s);
    while (s->calling && !worker_.is_this_thread()) changed_.wait_until(lock, never);
}

counters core::look(const stream_ptr& s) {
    const guard lock(mutex_);
    if (options_.how == mode::off) return {s->offered, 0, 0, 0};
    if (ended(*s)) drop_outstanding(*s);
    return {s->offered, s->forwarded, s->dropped, s->outstanding()};
}

bool core::note(std::string_view text) {
    guard lock(mutex_);
    if (failed_ != 0 || closed_) return false;
    std::string fresh;
    if (options_.fresh_notes && queue_.last() != '\n') {
        try {
            fresh.reserve(text.size() + 1);
        } catch (const std::bad_alloc&) {
            return false;
        }
        fresh.append(1, '\n').append(text);
        text = fresh;
    }
    if (text.empty()) return true;
    const std::size_t used = queue_.used() + byte_queue::segment_cost;
    if (used + text.size() > options_.buffer && queue_.notes() + text.size() > note_reserve) {
        return false;
    }
    return deliver(lock,
                   {nullptr, reinterpret_cast<const std::uint8_t*>(text.data()), text.size(), 0});
}

bool core::flush_all(nanoseconds_t deadline) {
    guard lock(mutex_);
    const nanoseconds_t start = now();
    while ((!queue_.empty() || writing_) && failed_ == 0 && !closed_) {
        const nanoseconds_t limit = std::min(deadline, flush_limit(start));
        if (now() >= limit) return false;
        if (thread_ == thread_state::impossible && !queue_.empty() && !writing_) {
            write_here(lock);
        } else {
            changed_.wait_until(lock, limit);
        }
    }
    return failed_ == 0;
}

int core::failed() {
    const guard lock(mutex_);
    return failed_;
}

}  // namespace fd2::forward
