#include "base/handle.windows.hpp"  // before <process.h>

#include <process.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <new>

#include "base/system_code.hpp"
#include "forward/worker.hpp"
#include "forward/worker.windows.hpp"

namespace fd2::forward {

/// What cancelling needs; the thread and the worker have it in common.
struct cancelling {
    unique_fd event;
    std::atomic<bool> in_call{false};
};

namespace {

// A write that does not end when it is cancelled is in a driver that knows no cancelling. The
// thread is then ended by force: it holds no lock and is in no code of ours.
constexpr nanoseconds_t cancel_patience = 2 * second;

thread_local cancelling* mine = nullptr;

std::condition_variable& condition_of(unsigned char (&memory)[64]) noexcept {
    static_assert(sizeof(std::condition_variable) <= sizeof memory);
    return *std::launder(reinterpret_cast<std::condition_variable*>(memory));
}

DWORD milliseconds_until(nanoseconds_t deadline) noexcept {
    const int left = poll_timeout(deadline, now());
    return left < 0 ? INFINITE : static_cast<DWORD>(left);
}

}  // namespace

cancellable::cancellable() noexcept {
    if (mine) mine->in_call = true;
}

cancellable::~cancellable() {
    if (mine) mine->in_call = false;
}

bool cancellable::asked() const noexcept {
    return mine && ::WaitForSingleObject(handle_of(mine->event.get()), 0) == WAIT_OBJECT_0;
}

void* cancellable::event() const noexcept {
    return mine ? handle_of(mine->event.get()) : nullptr;
}

/// Behind `thread_`.
struct worker::native {
    unique_fd thread;
    DWORD id = 0;
    cancelling cancel;

    static native* of(std::uintptr_t bits) noexcept { return reinterpret_cast<native*>(bits); }

    static unsigned __stdcall main(void* self) {
        auto* const me = static_cast<worker*>(self);
        mine = &of(me->thread_)->cancel;
        me->body_(me->context_);
        return 0;
    }
};

int worker::start(void (*body)(void*), void* context) noexcept {
    state_ = state::impossible;
    std::unique_ptr<native> made(new (std::nothrow) native);
    if (!made) return system_code::no_memory;
    wake_.reset(fd_of(::CreateEventW(nullptr, FALSE, FALSE, nullptr)));
    made->cancel.event.reset(fd_of(::CreateEventW(nullptr, TRUE, FALSE, nullptr)));
    if (!wake_ || !made->cancel.event) return last_system_code();
    body_ = body;
    context_ = context;
    thread_ = reinterpret_cast<std::uintptr_t>(made.get());
    unsigned id = 0;
    const std::uintptr_t thread =
        ::_beginthreadex(nullptr, 0, &native::main, this, CREATE_SUSPENDED, &id);
    if (thread == 0) {
        thread_ = 0;
        wake_.reset();
        return system_code::no_memory;
    }
    made->thread.reset(fd_of(reinterpret_cast<HANDLE>(thread)));
    made->id = id;
    const HANDLE running = handle_of(made->thread.get());
    made.release();  // join deletes it
    state_ = state::running;
    joinable_ = true;
    ::ResumeThread(running);
    return 0;
}

bool worker::is_this_thread() const noexcept {
    return joinable_ && native::of(thread_)->id == ::GetCurrentThreadId();
}

void worker::wake() noexcept {
    asleep_ = asleep::no;
    ::SetEvent(handle_of(wake_.get()));
}

readiness worker::sleep(guard& lock, int fd, bool until_writable, nanoseconds_t deadline) noexcept {
    sleeps_until_ = deadline;
    asleep_ = until_writable ? asleep::until_writable : asleep::until_woken;
    lock.unlock();
    ::WaitForSingleObject(handle_of(wake_.get()), milliseconds_until(deadline));
    lock.lock();
    asleep_ = asleep::no;
    return fd < 0 ? readiness::none : readiness::writable;
}

void worker::cancel() noexcept {
    if (!joinable_) return;
    native& it = *native::of(thread_);
    const HANDLE thread = handle_of(it.thread.get());
    ::SetEvent(handle_of(it.cancel.event.get()));
    nanoseconds_t limit = never;
    // Between its look at the event and its call the thread cannot be cancelled: again and again.
    while (::WaitForSingleObject(thread, 1) == WAIT_TIMEOUT) {
        if (!it.cancel.in_call) {
            limit = never;  // elsewhere, perhaps in a callback, whose calls are not ours to end
        } else {
            const nanoseconds_t present = now();
            if (limit == never) limit = after(present, cancel_patience);
            ::CancelSynchronousIo(thread);
            if (present >= limit) ::TerminateThread(thread, 1);
        }
    }
}

void worker::join() noexcept {
    if (!joinable_) return;
    const std::unique_ptr<native> it(native::of(thread_));
    ::WaitForSingleObject(handle_of(it->thread.get()), INFINITE);
    joinable_ = false;
    thread_ = 0;
}

monitor::monitor() noexcept {
    new (condition_) std::condition_variable;
}

monitor::~monitor() {
    condition_of(condition_).~condition_variable();
}

void monitor::notify_all() noexcept {
    condition_of(condition_).notify_all();
}

void monitor::wait_until(guard& lock, nanoseconds_t deadline) noexcept {
    if (deadline == never) {
        condition_of(condition_).wait(lock);
    } else {
        condition_of(condition_).wait_until(lock, time_point_of(deadline));
    }
}

}  // namespace fd2::forward
