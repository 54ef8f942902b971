#include "loop.hpp"

#include <signal.h>
#include <sys/prctl.h>

#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/post.hpp>
#include <new>

namespace fd2::tokio_like_async {

namespace {

/// Allocates one object at a time, in memory that is already there. Asio gives a handler's memory
/// back before it calls the handler.
template <class T>
class one_room {
  public:
    using value_type = T;

    one_room(unsigned char* room, std::size_t size) noexcept : room_(room), size_(size) {}
    template <class Other>
    one_room(const one_room<Other>& other) noexcept : room_(other.room()), size_(other.size()) {}

    T* allocate(std::size_t count) {
        if (count * sizeof(T) > size_) throw std::bad_alloc();
        return reinterpret_cast<T*>(room_);
    }
    void deallocate(T*, std::size_t) noexcept {}

    unsigned char* room() const noexcept { return room_; }
    std::size_t size() const noexcept { return size_; }

    template <class Other>
    bool operator==(const one_room<Other>& other) const noexcept {
        return room_ == other.room();
    }

  private:
    unsigned char* room_;
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

loop::loop() : work_(boost::asio::make_work_guard(context_)) {
    const signals_blocked during;
    thread_ = std::thread([this] { run(); });
}

loop::~loop() {
    work_.reset();
    context_.stop();
    thread_.join();
}

void loop::run() noexcept {
    (void)prctl(PR_SET_NAME, "fd2-async", 0, 0, 0);
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0);  // naps are 50 us, as long as the default slack
    context_.run();
}

void loop::ring(ringable& what) noexcept {
    const std::lock_guard lock(mutex_);
    if (what.waits_) return;
    what.waits_ = true;
    what.next_ = first_;
    first_ = &what;
    if (posted_) return;
    posted_ = true;
    boost::asio::post(context_,
                      boost::asio::bind_allocator(one_room<unsigned char>(room_, sizeof(room_)),
                                                  [this] { answer(); }));
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
    ringable* due = nullptr;
    {
        // From here on each may be rung again, for the next round.
        const std::lock_guard lock(mutex_);
        posted_ = false;
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
