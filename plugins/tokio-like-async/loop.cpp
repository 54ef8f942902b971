#include "loop.hpp"

#include <exception>

namespace fd2::tokio_like_async {

loop::~loop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        sound_once();
    }
    thread_.join();
}

void loop::start_thread() {
    thread_ = std::thread([this] { run(); });
    std::unique_lock lock(mutex_);
    listening_.wait(lock, [this] { return listens_; });
}

void loop::run() noexcept {
    begin_thread();
    // Brings the thread's memory for exceptions into being, which must not be missing later.
    (void)std::current_exception();
    listen();
    {
        const std::lock_guard lock(mutex_);
        listens_ = true;
        listening_.notify_all();
    }
    context_.run();
}

/// Under the mutex.
void loop::sound_once() noexcept {
    if (sounded_) return;
    sounded_ = true;
    sound();
}

void loop::ring(ringable& what) noexcept {
    const std::lock_guard lock(mutex_);
    if (what.waits_) return;
    what.waits_ = true;
    what.next_ = first_;
    first_ = &what;
    sound_once();
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
    ringable* due = nullptr;
    {
        // From here on each may be rung again, for the next round.
        const std::lock_guard lock(mutex_);
        sounded_ = false;
        if (stopping_) return;  // nothing else waits: `run` returns
        for (ringable* each = first_; each != nullptr; each = each->next_) {
            each->waits_ = false;
            each->due_ = due;  // first come, first served
            due = each;
        }
        first_ = nullptr;
    }
    listen();
    while (due != nullptr) {
        ringable& each = *due;
        due = each.due_;
        each.rung_(each);
    }
}

}  // namespace fd2::tokio_like_async
