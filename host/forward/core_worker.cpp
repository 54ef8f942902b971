// The forwarder's own thread, and writing from the queue whoever does it.
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <string>

#include "base/failure.hpp"
#include "forward/core.hpp"
#include "forward/posix/sigpipe.hpp"

namespace fd2::forward {
namespace {

// Should an object report room again and again and then take nothing, asking at once would spin:
// a guard against drivers, not seen with any object that the tests use.
constexpr nanoseconds_t futile_pause = 20 * millisecond;
constexpr unsigned futile_limit = 2;

}  // namespace

void core::progress() noexcept {
    progress_ = now();
    stalled_ = false;
    futile_ = 0;
}

// Writes once from the front of the queue. The caller saw to it that nobody has the turn.
void core::pump(guard& lock) {
    std::array<iovec, max_parts> parts;
    const std::size_t whole = options_.how == mode::lines ? way_->whole() : 0;
    const int count = queue_.gather(parts.data(), max_parts, way_->limit(), whole);
    std::size_t asked = 0;
    for (int i = 0; i < count; ++i) asked += parts[static_cast<std::size_t>(i)].iov_len;
    writing_ = true;
    lock.unlock();
    const sent done = way_->write(parts.data(), count);  // may be cancelled, with no lock held
    lock.lock();
    writing_ = false;
    queue_.consume(done.bytes);
    if (done.bytes > 0) progress();
    blocked_ = done.bytes < asked;
    if (done.bytes == 0) ++futile_;
    changed_.notify_all();
    if (!(paused_.empty() && flushing_.empty()) && !worker_.is_this_thread()) wake_for(0);
    if (done.error == EAGAIN && broken_) {
        fail(lock, "poll", EIO);
    } else if (done.error != 0 && done.error != EAGAIN) {
        fail(lock, "write", done.error);
    }
    broken_ = false;
}

// Ends forwarding. Called without the turn taken.
void core::fail(guard& lock, std::string_view operation, int error) {
    if (error == EPIPE) swallow_sigpipe();
    failed_ = error;  // the turn is one thread's, and nobody takes it after a failure

    queue_.clear();
    changed_.notify_all();
    wake_for(0);  // paused streams are released
    report(lock, operation, error);
}

void core::report(guard& lock, std::string_view operation, int error) {
    if (watcher_ == nullptr) return;
    lock.unlock();
    try {
        const failure why = system_failure(operation, "standard error", error);
        const std::string text = "forwarding: " + why.message;
        event what;
        what.level = severity::warning;
        what.message = text;
        watcher_->on_event(what);
    } catch (const std::bad_alloc&) {
        event what;
        what.level = severity::warning;
        what.message = "forwarding failed";
        watcher_->on_event(what);
    }
    lock.lock();
}

bool core::have_worker(guard& lock) {
    if (thread_ == thread_state::none) {
        const int error =
            closed_ ? ECANCELED
                    : worker_.start([](void* self) { static_cast<core*>(self)->work(); }, this);
        thread_ = error == 0 ? thread_state::running : thread_state::impossible;
        if (error != 0 && !closed_) report(lock, "start the thread that writes to", error);
    }
    return thread_ == thread_state::running;
}

// Something is queued: somebody must write it. Whoever has the turn comes here afterwards.
void core::see_to_queue(guard& lock, bool may_wait) {
    if (queue_.empty() || writing_) return;
    if (have_worker(lock)) {
        if (asleep_ == asleep::for_wake) wake_for(0);
    } else if (may_wait) {
        write_here(lock);
    }
}

// There is no thread: the caller waits, up to the stall limit, and then drops what is left.
void core::write_here(guard& lock) {
    while (!queue_.empty() && !writing_) {
        if (way_->blocks()) {  // no limit would hold
            queue_.clear();
            break;
        }
        pump(lock);
        if (!blocked_ || queue_.empty() || writing_) continue;
        const nanoseconds_t limit = after(progress_, options_.stall);
        const nanoseconds_t present = now();
        if (present >= limit) {
            queue_.clear();
            break;
        }
        pollfd room{way_->wait_fd(), POLLOUT, 0};
        lock.unlock();
        const int n = ::poll(&room, 1, poll_timeout(limit, present));
        lock.lock();
        if (n > 0) broken_ = (room.revents & POLLOUT) == 0;
    }
    changed_.notify_all();
}

void core::wake_for(nanoseconds_t deadline) noexcept {
    if (asleep_ == asleep::no || deadline >= sleeps_until_) return;
    asleep_ = asleep::no;
    worker_.wake();
}

bool core::low() const noexcept {
    if (waits_ || options_.buffer < 2 * max_chunk) return queue_.empty();
    return queue_.used() <= options_.buffer / 2;
}

// Calls one `on_room` that is due.
bool core::release_one(guard& lock) {
    const bool all = failed_ != 0 || stalled_ || low();
    std::deque<stream_ptr>& list = due_.empty() && all ? paused_ : due_;
    if (list.empty()) return false;
    const stream_ptr s = list.front();
    list.pop_front();
    s->paused = false;
    s->trusted = !stalled_;
    call(lock, s, s->on_room);
    return true;
}

void core::call(guard& lock, const stream_ptr& s, const std::function<void()>& what) {
    s->calling = true;
    lock.unlock();
    if (what) what();
    lock.lock();
    s->calling = false;
    changed_.notify_all();
}

// Tells one stream whose bytes are out, or are given up, that its flush is over.
bool core::end_one_flush(guard& lock) {
    if (flushing_.empty()) return false;
    const nanoseconds_t present = now();
    for (std::size_t i = 0; i < flushing_.size(); ++i) {
        const stream_ptr s = flushing_[i];
        if (s->outstanding() > 0 && !ended(*s) && present < flush_limit(s->flush_started)) continue;
        flushing_.erase(flushing_.begin() + static_cast<std::ptrdiff_t>(i));
        drop_outstanding(*s);
        call(lock, s, s->on_flushed);
        return true;
    }
    return false;
}

// When a flush that began at `started` gives up, unless something goes out before.
nanoseconds_t core::flush_limit(nanoseconds_t started) const noexcept {
    return after(std::max(started, progress_), options_.stall);
}

// Hands out one unfinished line whose time of silence has passed.
bool core::end_one_line(guard& lock) {
    if (unfinished_.empty()) return false;
    const nanoseconds_t present = now();
    for (std::size_t i = 0; i < unfinished_.size();) {
        const nanoseconds_t due = unfinished_[i]->line_due;
        if (due > present && due != never) {
            ++i;
            continue;
        }
        const stream_ptr s = unfinished_[i];
        unfinished_[i] = unfinished_.back();
        unfinished_.pop_back();
        s->has_line = false;
        if (due == never) continue;
        give(lock, s, false);
        return true;
    }
    return false;
}

nanoseconds_t core::stall_deadline() const noexcept {
    if (waits_ || options_.blocked != when_blocked::automatic || stalled_ || paused_.empty()) {
        return never;
    }
    return after(progress_, options_.stall);
}

bool core::notice_stall() noexcept {
    const nanoseconds_t limit = stall_deadline();
    if (limit == never || now() < limit) return false;
    stalled_ = true;
    return true;
}

nanoseconds_t core::next_deadline() const noexcept {
    nanoseconds_t first = stall_deadline();
    for (const stream_ptr& s : unfinished_) first = std::min(first, s->line_due);
    for (const stream_ptr& s : flushing_) first = std::min(first, flush_limit(s->flush_started));
    return first;
}

void core::sleep(guard& lock) {
    nanoseconds_t deadline = next_deadline();
    bool for_room = !queue_.empty() && !writing_ && blocked_;
    const bool pausing = for_room && futile_ > futile_limit;
    if (pausing) {
        deadline = std::min(deadline, after(now(), futile_pause));
        for_room = false;
    }
    sleeps_until_ = deadline;
    asleep_ = for_room || pausing ? asleep::for_room : asleep::for_wake;
    lock.unlock();
    const short seen = worker_.wait(for_room ? way_->wait_fd() : -1, deadline);
    lock.lock();
    asleep_ = asleep::no;
    if (pausing || seen != 0) blocked_ = false;
    if (seen != 0) broken_ = (seen & POLLOUT) == 0;
}

void core::work() {
    guard lock(mutex_);
    while (!stopping_) {
        if (release_one(lock) || end_one_line(lock) || end_one_flush(lock) || notice_stall()) {
            continue;
        }
        if (!queue_.empty() && !writing_ && !blocked_) {
            pump(lock);
        } else {
            sleep(lock);
        }
    }
}

void core::close() {
    guard lock(mutex_);
    if (thread_ == thread_state::running) {
        stopping_ = true;
        asleep_ = asleep::no;
        worker_.wake();
        lock.unlock();
        if (way_->blocks()) worker_.cancel();
        worker_.join();
        lock.lock();
        if (way_->blocks()) {  // cancelled in its write, it could not give the turn back
            writing_ = false;
            queue_.consume(0);
        }
    }
    while (writing_) changed_.wait_until(lock, never);
    blocked_ = false;
    while (!queue_.empty() && !blocked_ && !writing_ && !way_->blocks()) pump(lock);
    while (writing_) changed_.wait_until(lock, never);
    closed_ = true;
    queue_.clear();
    while (end_one_flush(lock)) continue;
    paused_.clear();
    due_.clear();
    unfinished_.clear();
    changed_.notify_all();
}

}  // namespace fd2::forward
