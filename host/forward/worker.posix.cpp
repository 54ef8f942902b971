#include "forward/worker.hpp"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <new>

#include "base/signal_mask.hpp"

namespace fd2::forward {
namespace {

// A number or a pointer, everywhere.
std::uintptr_t bits_of(pthread_t thread) noexcept {
    static_assert(sizeof thread <= sizeof(std::uintptr_t));
    std::uintptr_t out = 0;
    std::memcpy(&out, &thread, sizeof thread);
    return out;
}

pthread_t thread_of(std::uintptr_t bits) noexcept {
    pthread_t out{};
    std::memcpy(&out, &bits, sizeof out);
    return out;
}

pthread_cond_t* condition_of(unsigned char (&memory)[64]) noexcept {
    static_assert(sizeof(pthread_cond_t) <= sizeof memory);
    return std::launder(reinterpret_cast<pthread_cond_t*>(memory));
}

readiness readiness_of(short seen) noexcept {
    if (seen == 0) return readiness::none;
    return (seen & POLLOUT) != 0 ? readiness::writable : readiness::broken;
}

}  // namespace

readiness wait_writable(int fd, int milliseconds) noexcept {
    pollfd writable{fd, POLLOUT, 0};
    const int n = ::poll(&writable, 1, milliseconds);
    return readiness_of(n > 0 ? writable.revents : short{0});
}

struct worker::native {
    static void* main(void* self);
};

void* worker::native::main(void* self) {
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
    pthread_t made{};
    const int error = ::pthread_create(&made, nullptr, &native::main, this);
    thread_ = bits_of(made);
    if (error != 0) {
        wake_.reset();
        return error;
    }
    state_ = state::running;
    joinable_ = true;
    return 0;
}

void worker::wake() noexcept {
    asleep_ = asleep::no;
    const std::uint64_t one = 1;
    // EAGAIN means that 2^64 - 2 wake-ups are pending, which is enough; EINTR cannot be without
    // blocking.
    [[maybe_unused]] const ssize_t n = ::write(wake_.get(), &one, sizeof one);
}

readiness worker::sleep(guard& lock, int fd, bool until_writable, nanoseconds_t deadline) noexcept {
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
    return readiness_of(n > 0 ? what[1].revents : short{0});
}

bool worker::is_this_thread() const noexcept {
    return joinable_ && ::pthread_equal(thread_of(thread_), ::pthread_self()) != 0;
}

void worker::cancel() noexcept {
    if (joinable_) ::pthread_cancel(thread_of(thread_));
}

void worker::join() noexcept {
    if (!joinable_) return;
    ::pthread_join(thread_of(thread_), nullptr);
    joinable_ = false;
}

monitor::monitor() noexcept {
    pthread_condattr_t attributes;
    ::pthread_condattr_init(&attributes);
    ::pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    ::pthread_cond_init(new (condition_) pthread_cond_t, &attributes);
    ::pthread_condattr_destroy(&attributes);
}

monitor::~monitor() {
    ::pthread_cond_destroy(condition_of(condition_));
}

void monitor::notify_all() noexcept {
    ::pthread_cond_broadcast(condition_of(condition_));
}

void monitor::wait_until(guard& lock, nanoseconds_t deadline) noexcept {
    if (deadline == never) {
        ::pthread_cond_wait(condition_of(condition_), lock.mutex()->native_handle());
        return;
    }
    timespec until{};
    until.tv_sec = static_cast<time_t>(deadline / second);
    until.tv_nsec = static_cast<long>(deadline % second);
    ::pthread_cond_timedwait(condition_of(condition_), lock.mutex()->native_handle(), &until);
}

}  // namespace fd2::forward
