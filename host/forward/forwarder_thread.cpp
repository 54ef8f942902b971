// The forwarder's own thread, and writing from the queue in whatever thread.
#include <algorithm>
#include <array>
#include <new>
#include <string>

#include "base/failure.hpp"
#include "base/signal_mask.hpp"
#include "base/system_code.hpp"
#include "forward/forwarder_state.hpp"

namespace fd2::forward {
namespace {

// An object that is writable by poll(2) again and again and then takes nothing would make us spin.
// This guards against such a driver; no object that the tests use does it.
constexpr nanoseconds_t futile_pause = 20 * millisecond;
constexpr unsigned futile_limit = 2;

}  // namespace

// --- writing from the queue ---

void forwarder_state::progress() noexcept {
    last_progress = now();
    stuck = false;
    futile = 0;
}

/// Writes once from the front of the queue. The caller has checked that no other thread is writing.
void forwarder_state::pump(guard& lock) {
    std::array<part, max_parts> parts;
    const int count = queue.gather(parts.data(), max_parts, out->limit(), atomic_limit());
    std::size_t asked = 0;
    for (int i = 0; i < count; ++i) asked += parts[static_cast<std::size_t>(i)].size;
    object = object_state::writing;
    lock.unlock();
    const sent done = out->write(parts.data(), count);  // may be cancelled, with no lock held
    lock.lock();
    object = done.bytes < asked ? object_state::full : object_state::ready;
    queue.consume(done.bytes);
    if (done.bytes > 0) progress();
    if (done.bytes == 0) ++futile;
    changed.notify_all();
    if (!(paused.empty() && flushing.empty()) && !thread.is_this_thread()) thread.wake_for(0);
    if (done.error == system_code::would_block && broken) {
        fail(lock, "poll", system_code::io_error);
    } else if (done.error != 0 && done.error != system_code::would_block) {
        fail(lock, "write", done.error);
    }
    broken = false;
}

/// Ends forwarding. Called without the turn taken.
void forwarder_state::fail(guard& lock, std::string_view operation, int error) {
    if (error == system_code::no_reader) swallow_sigpipe();
    failed = error;  // the turn is one thread's, and nobody takes it after a failure
    queue.clear();
    changed.notify_all();
    thread.wake_for(0);  // paused streams are released
    report(lock, operation, error);
}

void forwarder_state::report(guard& lock, std::string_view operation, int error) {
    if (watcher == nullptr) return;
    lock.unlock();
    try {
        const failure why = system_failure(operation, "standard error", error);
        const std::string text = "forwarding: " + text_of(why);
        event what;
        what.level = severity::warning;
        what.message = text;
        watcher->on_event(what);
    } catch (const std::bad_alloc&) {
        event what;
        what.level = severity::warning;
        what.message = "forwarding failed";
        watcher->on_event(what);
    }
    lock.lock();
}

bool forwarder_state::have_thread(guard& lock) {
    if (thread.is() == worker::state::none) {
        if (now_in == phase::closed) return false;
        const int error =
            thread.start([](void* self) { static_cast<forwarder_state*>(self)->work(); }, this);
        if (error != 0) report(lock, "start a thread to write", error);
    }
    return thread.is() == worker::state::running;
}

/// Makes sure that what is queued gets written. A thread that is writing comes here afterwards.
void forwarder_state::see_to_queue(guard& lock, bool may_wait) {
    if (queue.empty() || writing()) return;
    if (have_thread(lock)) {
        thread.wake_for_work();
    } else if (may_wait) {
        write_here(lock);
    }
}

/// There is no thread: the caller waits, up to the stall limit, and then drops what is left.
void forwarder_state::write_here(guard& lock) {
    while (!queue.empty() && !writing()) {
        if (out->blocks()) {  // no limit would hold
            queue.clear();
            break;
        }
        pump(lock);
        if (object != object_state::full || queue.empty()) continue;
        const nanoseconds_t limit = after(last_progress, config.stall);
        const nanoseconds_t present = now();
        if (present >= limit) {
            queue.clear();
            break;
        }
        lock.unlock();
        const readiness seen = wait_writable(out->wait_fd(), poll_timeout(limit, present));
        lock.lock();
        if (seen != readiness::none) broken = seen == readiness::broken;
    }
    changed.notify_all();
}

void forwarder_state::close() {
    guard lock(mutex);
    if (thread.is() == worker::state::running) {
        now_in = phase::closing;
        thread.wake();
        lock.unlock();
        if (out->blocks()) thread.cancel();
        thread.join();
        lock.lock();
        if (out->blocks()) {  // cancelled in its write, it could not give the turn back
            object = object_state::ready;
            queue.consume(0);
        }
    }
    while (writing()) changed.wait_until(lock, never);
    object = object_state::ready;
    while (!queue.empty() && object == object_state::ready && !out->blocks()) pump(lock);
    while (writing()) changed.wait_until(lock, never);
    now_in = phase::closed;
    queue.clear();
    while (end_one_flush(lock)) continue;
    paused.clear();
    due.clear();
    unfinished.clear();
    changed.notify_all();
}

// --- what the thread does ---

void forwarder_state::work() {
    guard lock(mutex);
    while (now_in == phase::open) {
        if (release_one(lock) || end_one_line(lock) || end_one_flush(lock) || notice_stall()) {
            continue;
        }
        if (!queue.empty() && object == object_state::ready) {
            pump(lock);
        } else {
            sleep(lock);
        }
    }
}

void forwarder_state::sleep(guard& lock) {
    nanoseconds_t deadline = stall_deadline();
    for (const stream_ptr& s : unfinished) deadline = std::min(deadline, s->line_due);
    for (const stream_ptr& s : flushing) {
        deadline = std::min(deadline, flush_limit(s->flush_started));
    }
    const bool until_writable = !queue.empty() && object == object_state::full;
    const bool pausing = until_writable && futile > futile_limit;
    if (pausing) deadline = std::min(deadline, after(now(), futile_pause));
    const int fd = until_writable && !pausing ? out->wait_fd() : -1;
    const readiness seen = thread.sleep(lock, fd, until_writable, deadline);
    if ((pausing || seen != readiness::none) && object == object_state::full) {
        object = object_state::ready;
    }
    if (seen != readiness::none) broken = seen == readiness::broken;
}

/// Calls one `resume` that is due.
bool forwarder_state::release_one(guard& lock) {
    const bool all = failed != 0 || stuck || low();
    std::deque<stream_ptr>& list = due.empty() && all ? paused : due;
    if (list.empty()) return false;
    const stream_ptr s = list.front();
    list.pop_front();
    s->paused = false;
    s->credit = !stuck;
    call(lock, s, s->resume);
    return true;
}

bool forwarder_state::low() const noexcept {
    if (waits || config.buffer < 2 * max_chunk) return queue.empty();
    return queue.used() <= config.buffer / 2;
}

void forwarder_state::call(guard& lock, const stream_ptr& s, const std::function<void()>& what) {
    s->called_back = true;
    lock.unlock();
    if (what) what();
    lock.lock();
    s->called_back = false;
    changed.notify_all();
}

/// Hands out one unfinished line whose time of silence has passed.
bool forwarder_state::end_one_line(guard& lock) {
    if (unfinished.empty()) return false;
    const nanoseconds_t present = now();
    const auto found = std::find_if(unfinished.begin(), unfinished.end(),
                                    [&](const auto& s) { return s->line_due <= present; });
    if (found == unfinished.end()) return false;
    const stream_ptr s = *found;
    offer_kept(lock, s, false);  // takes it out of the list
    return true;
}

/// Tells one stream whose bytes are out, or are given up, that its flush is over.
bool forwarder_state::end_one_flush(guard& lock) {
    if (flushing.empty()) return false;
    const nanoseconds_t present = now();
    const auto found = std::find_if(flushing.begin(), flushing.end(), [&](const auto& s) {
        return s->outstanding() == 0 || ended(*s) || present >= flush_limit(s->flush_started);
    });
    if (found == flushing.end()) return false;
    const stream_ptr s = *found;
    flushing.erase(found);
    drop_outstanding(*s);
    call(lock, s, s->on_flushed);
    return true;
}

/// When a flush that began at `started` gives up, unless something goes out before.
nanoseconds_t forwarder_state::flush_limit(nanoseconds_t started) const noexcept {
    return after(std::max(started, last_progress), config.stall);
}

/// When the reader counts as stuck; `never` where that changes nothing.
nanoseconds_t forwarder_state::stall_deadline() const noexcept {
    if (waits || config.blocked != blocked_policy::automatic || stuck || paused.empty())
        return never;
    return after(last_progress, config.stall);
}

bool forwarder_state::notice_stall() noexcept {
    const nanoseconds_t limit = stall_deadline();
    if (limit == never || now() < limit) return false;
    stuck = true;
    return true;
}

}  // namespace fd2::forward
