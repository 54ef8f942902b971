#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <system_error>

#include "fixed_memory.hpp"
#include "loop.hpp"

namespace fd2::tokio_like_async {

namespace {

/// Blocks all signals of the calling thread, and so of threads that it makes, for its lifetime.
class signals_blocked {
  public:
    signals_blocked() noexcept {
        sigset_t all;
        (void)sigfillset(&all);
        (void)pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~signals_blocked() { (void)pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    signals_blocked(const signals_blocked&) = delete;
    signals_blocked& operator=(const signals_blocked&) = delete;

  private:
    sigset_t before_;
};

using descriptor =
    boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type>;

}  // namespace

struct loop::system {
    explicit system(boost::asio::io_context& context) : bell(context) {}

    // An eventfd, in place of Asio's own way to wake a loop, which does not report whether it
    // works.
    descriptor bell;

    // For the one handler that always waits, so that ringing cannot fail for lack of memory.
    alignas(std::max_align_t) unsigned char handler_memory[256];
};

loop::loop() : system_(std::make_shared<system>(context_)) {
    const int bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (bell < 0) throw std::system_error(errno, std::system_category(), "eventfd");
    try {
        system_->bell.assign(bell);
    } catch (...) {  // it does not own what it cannot watch
        (void)close(bell);
        throw;
    }
    check();
    const signals_blocked during;
    start_thread();
}

/// Asio does not look at whether epoll took what wakes it, and what it did not take wakes nobody,
/// ever: a read that was put off would not come, and a finish would not be heard. So both, the bell
/// and the timer, must work once, before a child depends on them.
void loop::check() {
    bool heard = false;
    bool fired = false;
    sound();
    system_->bell.async_wait(system_->bell.wait_read, [&](const boost::system::error_code& failed) {
        heard = !failed;
        silence();
    });
    boost::asio::steady_timer timer(context_, std::chrono::steady_clock::now());
    timer.async_wait([&](const boost::system::error_code& failed) { fired = !failed; });
    context_.run_for(std::chrono::seconds(1));  // over as soon as both came
    if (!heard || !fired) {
        throw std::system_error(ENOMEM, std::system_category(), "epoll cannot wake the loop");
    }
    context_.restart();
}

void loop::begin_thread() noexcept {
    (void)prctl(PR_SET_NAME, "fd2-async", 0, 0, 0);
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0);  // naps are 50 us, as long as the default slack
}

void loop::listen() noexcept {
    using memory = fixed_memory<unsigned char>;
    system_->bell.async_wait(system_->bell.wait_read,
                             boost::asio::bind_allocator(
                                 memory(system_->handler_memory, sizeof(system_->handler_memory)),
                                 [this](const boost::system::error_code&) { answer(); }));
}

void loop::sound() noexcept {
    const std::uint64_t one = 1;
    // EAGAIN: it sounds already. Nothing else can happen to an eventfd, and a sound that got lost
    // would be a wait for ever.
    for (int tries = 0; tries < 8; ++tries) {
        if (::write(system_->bell.native_handle(), &one, sizeof(one)) >= 0 || errno == EAGAIN) {
            return;
        }
    }
}

void loop::silence() noexcept {
    std::uint64_t sounded = 0;
    // What stays in it does no harm: the next sound is a new edge.
    if (::read(system_->bell.native_handle(), &sounded, sizeof(sounded)) < 0) return;
}

}  // namespace fd2::tokio_like_async
