// The forwarder's own thread, and writing from the queue in whatever thread.
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <new>
#include <string>

#include "base/failure.hpp"
#include "base/signal_mask.hpp"
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
    std::array<iovec, max_parts> parts;
    const int count = queue.gather(parts.data(), max_parts, out->limit(), atomic_limit());
    std::size_t asked = 0;
    for (int i = 0; i < count; ++i) asked += parts[static_cast<std::size_t>(i)].iov_len;
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
    if (done.error == EAGAIN && broken) {
        fail(lock, "poll", EIO);
    } else if (done.error != 0 && done.error != EAGAIN) {
        fail(lock, "write", done.error);
    }
    broken = false;
}

/// Ends forwarding. Called without the turn taken.
void forwarder_state::fail(guard& lock, std::string_view operation, int error) {
    if (error == EPIPE) swallow_signal(SIGPIPE);
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
        pollfd writable{out->wait_fd(), POLLOUT, 0};
        lock.unlock();
        const int n = ::poll(&writable, 1, poll_timeout(limit, present));
        lock.lock();
        if (n > 0) broken = (writable.revents & POLLOUT) == 0;
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
    const short seen = thread.sleep(lock, fd, until_writable, deadline);
    if ((pausing || seen != 0) && object == object_state::full) object = object_state::ready;
    if (seen != 0) broken = (seen & POLLOUT) == 0;
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

// --- the thread itself ---

void* worker::main(void* self) {
    auto* const me = static_cast<worker*>(self);
    // Off except inside the one call that may stand still: terminal_writer::write.
    ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr);
    ::pthread_setname_np(::pthread_self(), "fd2-forward");
    me->body_(me->context_);
    return nullptr;
}

int worker::start(void (*body)(void*), void* context) noexcept {
    state_ = state::impossible;
    unique_fd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!wake) return errno;
    wake_ = std::move(wake);
    body_ = body;
    context_ = context;

    const signals_blocked none;
    const int error = ::pthread_create(&thread_, nullptr, &worker::main, this);
    if (error != 0) {
        wake_.reset();
        return error;
    }
    state_ = state::running;
    joinable_ = true;
    return 0;
}

void worker::wake_for(nanoseconds_t deadline) noexcept {
    if (asleep_ != asleep::no && deadline < sleeps_until_) wake();
}

void worker::wake() noexcept {
    asleep_ = asleep::no;
    const std::uint64_t one = 1;
    // EAGAIN means that 2^64 - 2 wake-ups are pending, which is enough; EINTR cannot be without
    // blocking.
    [[maybe_unused]] const ssize_t n = ::write(wake_.get(), &one, sizeof one);
}

short worker::sleep(guard& lock, int fd, bool until_writable, nanoseconds_t deadline) noexcept {
    sleeps_until_ = deadline;
    asleep_ = until_writable ? asleep::until_writable : asleep::until_woken;
    lock.unlock();
    std::array<pollfd, 2> what{};
    what[0] = {wake_.get(), POLLIN, 0};
    what[1] = {fd, POLLOUT, 0};
    // All signals are blocked here, and a spurious return is harmless to the caller.
    const int n = ::poll(what.data(), what.size(), poll_timeout(deadline, now()));
    if (n > 0 && what[0].revents != 0) {
        std::uint64_t count = 0;
        [[maybe_unused]] const ssize_t got = ::read(wake_.get(), &count, sizeof count);
    }
    lock.lock();
    asleep_ = asleep::no;
    return n > 0 ? what[1].revents : short{0};
}

void worker::join() noexcept {
    if (!joinable_) return;
    ::pthread_join(thread_, nullptr);
    joinable_ = false;
}

monitor::monitor() noexcept {
    pthread_condattr_t attributes;
    ::pthread_condattr_init(&attributes);
    ::pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    ::pthread_cond_init(&condition_, &attributes);
    ::pthread_condattr_destroy(&attributes);
}

void monitor::wait_until(guard& lock, nanoseconds_t deadline) noexcept {
    if (deadline == never) {
        ::pthread_cond_wait(&condition_, lock.mutex()->native_handle());
        return;
    }
    timespec until{};
    until.tv_sec = static_cast<time_t>(deadline / second);
    until.tv_nsec = static_cast<long>(deadline % second);
    ::pthread_cond_timedwait(&condition_, lock.mutex()->native_handle(), &until);
}

}  // namespace fd2::forward
