#include "loop.hpp"

#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cerrno>
#include <chrono>
#include <exception>
#include <new>
#include <system_error>

namespace fd2::tokio_like_async {

namespace {

/// Allocates one object at a time, in memory that is already there. Asio gives a handler's memory
/// back before it calls the handler.
template <class T>
class fixed_memory {
  public:
    using value_type = T;

    fixed_memory(unsigned char* memory, std::size_t size) noexcept : memory_(memory), size_(size) {}
    template <class Other>
    fixed_memory(const fixed_memory<Other>& other) noexcept
        : memory_(other.memory()), size_(other.size()) {}

    T* allocate(std::size_t count) {
        if (count * sizeof(T) > size_) throw std::bad_alloc();
        return reinterpret_cast<T*>(memory_);
    }
    void deallocate(T*, std::size_t) noexcept {}

    unsigned char* memory() const noexcept { return memory_; }
    std::size_t size() const noexcept { return size_; }

    template <class Other>
    bool operator==(const fixed_memory<Other>& other) const noexcept {
        return memory_ == other.memory();
    }

  private:
    unsigned char* memory_;
    std::size_t size_;
};

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

}  // namespace

loop::loop() : bell_(context_) {
    const int bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (bell < 0) throw std::system_error(errno, std::system_category(), "eventfd");
    try {
        bell_.assign(bell);
    } catch (...) {  // it does not own what it cannot watch
        (void)close(bell);
        throw;
    }
    check();
    const signals_blocked during;
    std::latch ready(1);
    thread_ = std::thread([this, &ready] { run(ready); });
    ready.wait();
}

loop::~loop() {
    stopping_.store(true, std::memory_order_release);
    sound();
    thread_.join();
}

/// Asio does not look at whether epoll took what wakes it, and what it did not take wakes nobody,
/// ever: a read that was put off would not come, and a finish would not be heard. So both, the bell
/// and the timer, must work once, before a child depends on them.
void loop::check() {
    bool heard = false;
    bool fired = false;
    sound();
    bell_.async_wait(bell_.wait_read, [&](const boost::system::error_code& failed) {
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

void loop::run(std::latch& ready) noexcept {
    (void)prctl(PR_SET_NAME, "fd2-async", 0, 0, 0);
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0);  // naps are 50 us, as long as the default slack
    // Brings the thread's memory for exceptions into being, which must not be missing later.
    (void)std::current_exception();
    listen();
    ready.count_down();
    context_.run();
}

void loop::listen() noexcept {
    bell_.async_wait(bell_.wait_read,
                     boost::asio::bind_allocator(
                         fixed_memory<unsigned char>(handler_memory_, sizeof(handler_memory_)),
                         [this](const boost::system::error_code&) { answer(); }));
}

void loop::sound() const noexcept {
    const std::uint64_t one = 1;
    // EAGAIN: it sounds already. Nothing else can happen to an eventfd, and a sound that got lost
    // would be a wait for ever.
    for (int tries = 0; tries < 8; ++tries) {
        if (::write(bell_number(), &one, sizeof(one)) >= 0 || errno == EAGAIN) return;
    }
}

void loop::silence() const noexcept {
    std::uint64_t sounded = 0;
    // What stays in it does no harm: the next sound is a new edge.
    if (::read(bell_number(), &sounded, sizeof(sounded)) < 0) return;
}

void loop::ring(ringable& what) noexcept {
    const std::lock_guard lock(mutex_);
    if (what.waits_) return;
    what.waits_ = true;
    what.next_ = first_;
    first_ = &what;
    if (sounded_) return;
    sounded_ = true;
    sound();
}

void loop::forget(ringable& what) noexcept {
    const std::lock_guard lock(mutex_);
    if (!what.waits_) return;
    what.waits_ = false;
    ringable** link = &first_;
    while (*link != &what) link = &(*link)->next_;
    *link = what.next_;
}

void loop::answer() noexcept {
    silence();
    if (stopping_.load(std::memory_order_acquire)) return;  // nothing else waits: `run` returns
    listen();
    ringable* due = nullptr;
    {
        // From here on each may be rung again, for the next round.
        const std::lock_guard lock(mutex_);
        sounded_ = false;
        for (ringable* each = first_; each != nullptr; each = each->next_) {
            each->waits_ = false;
            each->due_ = due;  // first come, first served
            due = each;
        }
        first_ = nullptr;
    }
    while (due != nullptr) {
        ringable& each = *due;
        due = each.due_;
        each.rung_(each);
    }
}

}  // namespace fd2::tokio_like_async
