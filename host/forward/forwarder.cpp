#include "forward/forwarder.hpp"

#include <algorithm>
#include <new>
#include <string>
#include <utility>

#include "base/signal_mask.hpp"
#include "base/system_code.hpp"
#include "forward/forwarder_state.hpp"

namespace fd2::forward {
namespace {

void take_out(std::deque<stream_ptr>& list, const stream_ptr& s) {
    const auto found = std::find(list.begin(), list.end(), s);
    if (found != list.end()) list.erase(found);
}

/// Writes until the object is full. Where writes of up to `whole` bytes are not cut, each write
/// carries whole lines.
sent write_now(writer& out, const std::uint8_t* data, std::size_t size, std::size_t whole) {
    sent total;
    while (total.bytes < size) {
        const std::uint8_t* const start = data + total.bytes;
        std::size_t part_size = std::min(size - total.bytes, out.limit());
        if (whole != 0) part_size = whole_unit(start, part_size, whole);
        const part whole_part{start, part_size};
        const sent one = out.write(&whole_part, 1);
        total.bytes += one.bytes;
        total.error = one.error;
        if (one.bytes < part_size) break;
    }
    return total;
}

/// The same, but waits a moment (options::patience) for an object that is full.
sent write_patiently(writer& out, const std::uint8_t* data, std::size_t size, std::size_t whole,
                     nanoseconds_t patience) {
    sent total = write_now(out, data, size, whole);
    if (patience == 0 || out.wait_fd() < 0) return total;
    nanoseconds_t limit = 0;
    while (total.bytes < size && (total.error == 0 || total.error == system_code::would_block)) {
        const nanoseconds_t present = now();
        if (limit == 0) limit = after(present, patience);
        if (present >= limit) break;
        // Broken: whoever writes next sees it.
        if (wait_writable(out.wait_fd(), poll_timeout(limit, present)) != readiness::writable)
            break;
        const sent more = write_now(out, data + total.bytes, size - total.bytes, whole);
        if (more.bytes == 0 && more.error == system_code::would_block) break;
        total.bytes += more.bytes;
        total.error = more.error;
    }
    return total;
}

}  // namespace

// --- a stream ---

stream::stream(std::shared_ptr<forwarder_state> parent, std::function<void()> resume)
    : parent_(std::move(parent)), state_(std::make_shared<stream_state>()) {
    state_->resume = std::move(resume);
    if (parent_->config.how == forward_mode::lines)
        state_->shape = line_shaper(parent_->config.prefix);
    if (parent_->config.how == forward_mode::lossy) state_->shape = utf8_shaper();
}

stream::~stream() {
    forwarder_state& f = *parent_;
    guard lock(f.mutex);
    // Before its bytes are given up, which ends a flush: nobody is there to be told.
    std::erase(f.flushing, state_);
    f.abandon(state_);
    while (state_->called_back && !f.thread.is_this_thread()) f.changed.wait_until(lock, never);
}

flow stream::offer(const std::uint8_t* data, std::size_t size) noexcept {
    forwarder_state& f = *parent_;
    stream_state& s = *state_;
    guard lock(f.mutex);
    s.offered += size;
    if (f.config.how == forward_mode::off) return flow::more;
    if (!f.ended(s) && size > 0) {
        if (s.shape) {
            f.offer_shaped(lock, state_, data, size);
        } else {
            f.deliver(lock, {state_, data, size, size});
        }
    }
    if (f.ended(s)) f.drop_outstanding(s);
    return f.answer(state_);
}

void stream::finishing() noexcept {
    forwarder_state& f = *parent_;
    stream_state& s = *state_;
    guard lock(f.mutex);
    if (s.now_in == stream_state::phase::open) s.now_in = stream_state::phase::finishing;
    if (s.paused) {
        try {
            f.due.push_back(state_);
            take_out(f.paused, state_);
            s.paused = false;
        } catch (const std::bad_alloc&) {
            // It stays among the paused and is released with them.
        }
        f.thread.wake_for(0);
    }
    f.offer_kept(lock, state_, false);
    if (f.ended(s)) f.drop_outstanding(s);
}

bool stream::flush(nanoseconds_t deadline) noexcept {
    forwarder_state& f = *parent_;
    stream_state& s = *state_;
    guard lock(f.mutex);
    if (f.config.how == forward_mode::off) return true;
    f.offer_kept(lock, state_, true);
    const nanoseconds_t start = now();
    while (s.outstanding() > 0 && !f.ended(s)) {
        const nanoseconds_t limit = std::min(deadline, f.flush_limit(start));
        if (now() >= limit) break;
        f.wait_or_write(lock, limit);
    }
    f.drop_outstanding(s);
    if (!f.paused.empty()) f.thread.wake_for(0);
    return s.dropped == 0;
}

bool stream::flush_then(std::function<void()> done) noexcept {
    forwarder_state& f = *parent_;
    stream_state& s = *state_;
    {
        guard lock(f.mutex);
        if (f.config.how == forward_mode::off) return true;
        f.offer_kept(lock, state_, true);
        if (s.outstanding() == 0 || f.ended(s)) {
            f.drop_outstanding(s);
            return true;
        }
        bool arranged = f.have_thread(lock);
        try {
            if (arranged) f.flushing.push_back(state_);
        } catch (const std::bad_alloc&) {
            arranged = false;
        }
        if (arranged) {
            s.on_flushed = std::move(done);
            s.flush_started = now();
            f.thread.wake_for(f.flush_limit(s.flush_started));
            return false;
        }
    }
    flush(never);
    return true;
}

void stream::abandon() noexcept {
    const guard lock(parent_->mutex);
    parent_->abandon(state_);
}

counters stream::counts() const noexcept {
    stream_state& s = *state_;
    const guard lock(parent_->mutex);
    if (parent_->config.how == forward_mode::off) return {s.offered, 0, 0, 0};
    if (parent_->ended(s)) parent_->drop_outstanding(s);
    return {s.offered, s.forwarded, s.dropped, s.outstanding()};
}

// --- a forwarder ---

forwarder::forwarder(int fd, options chosen, observer* watcher)
    : state_(std::make_shared<forwarder_state>(fd, std::move(chosen), watcher)) {}

forwarder::~forwarder() {
    const sigpipe_blocked here;
    state_->close();
}

std::unique_ptr<stream> forwarder::open(std::function<void()> resume) {
    return std::unique_ptr<stream>(new stream(state_, std::move(resume)));
}

bool forwarder::note(std::string_view text) noexcept {
    const sigpipe_blocked here;
    forwarder_state& f = *state_;
    guard lock(f.mutex);
    if (f.failed != 0 || f.now_in == forwarder_state::phase::closed) return false;
    std::string fresh;
    if (f.config.fresh_notes && f.queue.last() != '\n') {
        try {
            fresh.reserve(text.size() + 1);
        } catch (const std::bad_alloc&) {
            return false;
        }
        fresh.append(1, '\n').append(text);
        text = fresh;
    }
    if (text.empty()) return true;
    const std::size_t used = f.queue.used() + byte_queue::segment_cost;
    if (used + text.size() > f.config.buffer && f.queue.notes() + text.size() > note_reserve) {
        return false;
    }
    return f.deliver(lock,
                     {nullptr, reinterpret_cast<const std::uint8_t*>(text.data()), text.size(), 0});
}

bool forwarder::flush(nanoseconds_t deadline) noexcept {
    forwarder_state& f = *state_;
    guard lock(f.mutex);
    const nanoseconds_t start = now();
    while ((!f.queue.empty() || f.writing()) && f.failed == 0 &&
           f.now_in != forwarder_state::phase::closed) {
        const nanoseconds_t limit = std::min(deadline, f.flush_limit(start));
        if (now() >= limit) return false;
        f.wait_or_write(lock, limit);
    }
    return f.failed == 0;
}

int forwarder::failed() const noexcept {
    const guard lock(state_->mutex);
    return state_->failed;
}

std::string_view forwarder::writer_name() const noexcept {
    return state_->out ? state_->out->name() : "none";
}

// --- bytes in ---

forwarder_state::forwarder_state(int fd, options chosen, observer* told)
    : config(std::move(chosen)), watcher(told) {
    opened found = open_writer(fd);
    out = std::move(found.writer);
    failed = found.error;
    waits = config.blocked == blocked_policy::wait ||
            (config.blocked == blocked_policy::automatic && found.terminal);
}

void forwarder_state::offer_shaped(guard& lock, const stream_ptr& s, const std::uint8_t* data,
                                   std::size_t size) {
    const std::uint32_t epoch = s->epoch;
    const bool lost = std::exchange(s->lost, false);
    s->feeding = true;
    lock.unlock();
    std::string scratch;
    shaped ready;
    bool fed = true;
    try {
        if (lost) s->shape->lost();
        ready = s->shape->feed(data, size, scratch);
    } catch (const std::bad_alloc&) {
        fed = false;
    }
    lock.lock();
    s->feeding = false;
    if (s->epoch != epoch) {  // all of it was counted as dropped meanwhile
        s->shape->reset();
        return;
    }
    if (!fed) {
        s->dropped += size;
        return;
    }
    if (s->shape->restless()) expect_end(lock, s);
    if (ready.size > 0) deliver(lock, {s, ready.data, ready.size, ready.child_bytes});
}

/// Arranges that the unfinished line goes out after a time of silence. Without a thread it waits
/// for the next chunk, `finishing` or `flush`.
void forwarder_state::expect_end(guard& lock, const stream_ptr& s) {
    if (s->line_due == never) {
        try {
            unfinished.push_back(s);
        } catch (const std::bad_alloc&) {
            return;
        }
    }
    s->line_due = after(now(), partial_line_delay);
    if (have_thread(lock)) thread.wake_for(s->line_due);
}

/// Delivers what the stream's shaper keeps.
void forwarder_state::offer_kept(guard& lock, const stream_ptr& s, bool last) {
    if (s->line_due != never) {
        s->line_due = never;
        std::erase(unfinished, s);
    }
    if (!s->shape || s->feeding || ended(*s)) return;
    std::string scratch;
    shaped ready;
    try {
        if (std::exchange(s->lost, false)) s->shape->lost();
        ready = s->shape->end(last, scratch);
    } catch (const std::bad_alloc&) {
        return;  // it stays kept, and a flush that cannot deliver it counts it as dropped
    }
    if (ready.size > 0) deliver(lock, {s, ready.data, ready.size, ready.child_bytes});
}

/// Writes at once what can be written at once, in the caller's memory, and queues the rest.
bool forwarder_state::deliver(guard& lock, piece bytes) {
    bool front = false;
    if (queue.empty() && !writing() && !out->blocks()) {
        stream_state* const owner = bytes.owner.get();
        const std::uint32_t epoch = owner ? owner->epoch : 0;
        const std::uint8_t before = queue.last();
        queue.passed(bytes.data[bytes.size - 1]);  // for notes that come meanwhile
        object = object_state::writing;
        lock.unlock();
        const sent done = write_patiently(*out, bytes.data, bytes.size, atomic_limit(),
                                          owner ? config.patience : 0);
        lock.lock();
        object = done.bytes < bytes.size ? object_state::full : object_state::ready;
        changed.notify_all();
        if (done.bytes > 0 && stuck) progress();
        const bool dropped = owner && owner->epoch != epoch;
        if (owner && !dropped) owner->forwarded += bytes.share(done.bytes);
        if (done.bytes < bytes.size) {
            queue.passed(done.bytes == 0 ? before : bytes.data[done.bytes - 1]);
        }
        bytes.advance(done.bytes);
        if (done.error != 0 && done.error != system_code::would_block) {
            fail(lock, "write", done.error);
            return false;
        }
        if (dropped || now_in == phase::closed) bytes.size = 0;
        front = true;
    }
    const bool taken = bytes.size == 0 || admit(bytes, front);
    // Others may have queued while we had the turn: write for them rather than make a thread.
    for (int i = 0; i < 4 && object == object_state::ready && !queue.empty() && !out->blocks();
         ++i) {
        pump(lock);
    }
    see_to_queue(lock, bytes.owner != nullptr);
    return taken && failed == 0;
}

/// How many of a stream's bytes may be queued now.
std::size_t forwarder_state::allowance(const piece& bytes) const noexcept {
    stream_state& s = *bytes.owner;
    const std::size_t taken = queue.used() + byte_queue::segment_cost;
    const std::size_t space = config.buffer > taken ? config.buffer - taken : 0;
    if (bytes.size <= space) return bytes.size;
    if (config.blocked == blocked_policy::drop) return space;
    if (s.now_in == stream_state::phase::finishing) {
        const std::uint64_t extra =
            std::min<std::uint64_t>(bytes.size - space, finish_reserve - s.reserved);
        s.reserved += extra;
        return space + static_cast<std::size_t>(extra);
    }
    // One that was told to go on has its chunk taken, wherever the others have brought the queue.
    if (waits || (s.credit && !stuck)) return bytes.size;
    return space;
}

/// Queues what may be queued and counts the rest as dropped. True: all of it.
bool forwarder_state::admit(piece bytes, bool front) {
    if (queue.empty()) last_progress = now();
    std::size_t take = bytes.size;
    if (bytes.owner) {
        take = allowance(bytes);
        if (take < bytes.size && bytes.owner->shape) {
            take = bytes.owner->shape->cut(bytes.data, take);
        }
    }
    piece kept = bytes;
    kept.size = take;
    kept.child_bytes = bytes.share(take);
    try {
        if (take == 0) {
            kept.child_bytes = 0;
        } else if (front) {
            queue.push_front(kept);
        } else {
            queue.push_back(kept);
        }
    } catch (const std::bad_alloc&) {
        kept.size = 0;
        kept.child_bytes = 0;
    }
    if (kept.size == bytes.size) return true;
    if (bytes.owner) {
        bytes.owner->dropped += bytes.child_bytes - kept.child_bytes;
        bytes.owner->lost = true;
    }
    return false;
}

flow forwarder_state::answer(const stream_ptr& s) {
    if (s->paused) return flow::pause;
    // Without a thread nobody could call `resume`; then `offer` itself has waited.
    if (config.blocked == blocked_policy::drop || s->now_in == stream_state::phase::finishing ||
        ended(*s) || thread.is() != worker::state::running) {
        return flow::more;
    }
    const bool small = config.buffer < 2 * max_chunk;
    const bool full = waits || small ? !queue.empty() : queue.used() + max_chunk > config.buffer;
    if (!full || stuck) {
        s->credit = !stuck;
        return flow::more;
    }
    try {
        paused.push_back(s);
    } catch (const std::bad_alloc&) {
        return flow::more;
    }
    s->paused = true;
    thread.wake_for(stall_deadline());
    return flow::pause;
}

void forwarder_state::drop_outstanding(stream_state& s) noexcept {
    if (s.outstanding() == 0) return;
    s.dropped = s.offered - s.forwarded;
    ++s.epoch;
    queue.remove(s);
    if (s.shape && !s.feeding) s.shape->reset();
    s.lost = true;
    changed.notify_all();
}

void forwarder_state::abandon(const stream_ptr& s) {
    s->now_in = stream_state::phase::abandoned;
    if (config.how != forward_mode::off) drop_outstanding(*s);
    s->paused = false;
    take_out(paused, s);
    take_out(due, s);
    // The queue may have become low.
    if (!paused.empty() || !flushing.empty()) thread.wake_for(0);
}

/// One step of a flush that waits: for others to write, or writing itself where there is no thread.
void forwarder_state::wait_or_write(guard& lock, nanoseconds_t limit) {
    if (thread.is() == worker::state::impossible && !queue.empty() && !writing()) {
        write_here(lock);
    } else {
        changed.wait_until(lock, limit);
    }
}

}  // namespace fd2::forward
