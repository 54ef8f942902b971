#include "forward/worker.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>

namespace fd2::forward {

void* worker::main(void* self) {
    auto* const me = static_cast<worker*>(self);
    // Off except inside the one call that may stand still; see posix/terminal_way.cpp.
    ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr);
    ::pthread_setname_np(::pthread_self(), "fd2-forward");
    me->body_(me->context_);
    return nullptr;
}

int worker::start(void (*body)(void*), void* context) noexcept {
    unique_fd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!wake) return errno;
    wake_ = std::move(wake);
    body_ = body;
    context_ = context;

    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    const int error = ::pthread_create(&thread_, nullptr, &worker::main, this);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (error != 0) {
        wake_.reset();
        return error;
    }
    running_ = true;
    return 0;
}

void worker::wake() noexcept {
    const std::uint64_t one = 1;
    // EAGAIN means that 2^64 - 2 wake-ups are pending, which is enough; EINTR cannot be without
    // blocking.
    [[maybe_unused]] const ssize_t n = ::write(wake_.get(), &one, sizeof one);
}

short worker::wait(int fd, nanoseconds_t deadline) noexcept {
    std::array<pollfd, 2> what{};
    what[0] = {wake_.get(), POLLIN, 0};
    what[1] = {fd, POLLOUT, 0};
    // All signals are blocked here, and a spurious return is harmless to the caller.
    const int n = ::poll(what.data(), what.size(), poll_timeout(deadline, now()));
    if (n <= 0) return 0;
    if (what[0].revents != 0) {
        std::uint64_t count = 0;
        [[maybe_unused]] const ssize_t got = ::read(wake_.get(), &count, sizeof count);
    }
    return what[1].revents;
}

void worker::cancel() noexcept {
    if (running_) ::pthread_cancel(thread_);
}

void worker::join() noexcept {
    if (!running_) return;
    ::pthread_join(thread_, nullptr);
    running_ = false;
}

}  // namespace fd2::forward
