#include "run/poll_driver.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <utility>

#include "base/signal_mask.hpp"

namespace fd2::runs {

result<std::shared_ptr<wakeup>> wakeup::make() {
    unique_fd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!event) return system_failure("eventfd", "wake-up of the run", errno);
    return std::shared_ptr<wakeup>(new wakeup(std::move(event)));
}

void wakeup::ring() const noexcept {
    const std::uint64_t one = 1;
    // Fails only if it was rung already, as often as it can count.
    if (::write(event_.get(), &one, sizeof(one)) < 0) return;
}

void wakeup::clear() const noexcept {
    std::uint64_t count = 0;
    if (::read(event_.get(), &count, sizeof(count)) < 0) return;  // somebody was faster
}

namespace {

class poll_driver {
  public:
    poll_driver(run& driven, const wakeup* bell, std::array<poll_source*, 2> others)
        : run_(driven), bell_(bell), others_(others) {}

    void go() {
        const sigpipe_blocked quiet;
        unsigned events = nothing;
        for (;;) {
            const loop_wants next = run_.step(events);
            if (next.over || run_.ended()) return;
            events = wait(next);
        }
    }

  private:
    // A poll that fails for want of memory works the next time. One that always fails must not keep
    // us from the child's status.
    static constexpr int max_failures = 3;

    unsigned wait(const loop_wants& next) {
        const bool running = !run_.child_exit();
        const bool watched = others_[0] || others_[1] || next.exit_fd >= 0;
        if (running && (!watched || failures_ >= max_failures)) {
            // The channel drains on its own thread.
            (void)run_.child().wait();
            return exit_ready;
        }
        if (failures_ >= max_failures) {
            run_.stop_waiting();
            return nothing;
        }
        // Only what there is: the kernel refuses more entries than RLIMIT_NOFILE allows
        // descriptors.
        std::array<pollfd, 5> ready{};
        nfds_t used = 0;
        const auto add = [&](int fd) -> const pollfd* {
            if (fd < 0) return nullptr;
            ready[used] = {fd, POLLIN, 0};
            return &ready[used++];
        };
        std::array<const pollfd*, 2> others{};
        nanoseconds_t serve_at = never;
        for (std::size_t i = 0; i < others_.size(); ++i) {
            if (!others_[i]) continue;
            others[i] = add(others_[i]->descriptor);
            serve_at = std::min(serve_at, others_[i]->at);
        }
        const pollfd* const exit = add(next.exit_fd);
        const pollfd* const bell = add(bell_ ? bell_->descriptor() : -1);
        const pollfd* const bytes = add(next.watch_stderr ? next.stderr_fd : -1);
        timespec left{};
        const int count = ::ppoll(ready.data(), used, timeout_of(next, serve_at, left), nullptr);
        if (count < 0) {
            if (errno != EINTR) ++failures_;
            return nothing;
        }
        failures_ = 0;
        const bool waited_for_run =
            count == 0 && !next.soon && deadline_of(next.deadline) <= serve_at;
        unsigned events = waited_for_run ? deadline_passed : nothing;
        // Signals first: those came before the end.
        bool signalled = false;
        for (std::size_t i = 0; i < others_.size(); ++i) {
            if (!others_[i]) continue;
            const bool is_ready = others[i] && others[i]->revents != 0;
            signalled = signalled || is_ready;
            const bool is_due = others_[i]->at != never && now() >= others_[i]->at;
            if (is_ready || is_due) serve(others_[i]);
        }
        // Without a pidfd it was SIGCHLD that woke us.
        if (running && (exit ? exit->revents != 0 : signalled)) events |= exit_ready;
        if (bell && bell->revents != 0) bell_->clear();
        if (bytes && bytes->revents != 0) events |= stderr_ready;
        return events;
    }

    static const timespec* timeout_of(const loop_wants& next, nanoseconds_t serve_at,
                                      timespec& left) {
        if (next.soon) return &left;
        const nanoseconds_t deadline = std::min(deadline_of(next.deadline), serve_at);
        if (deadline == never) return nullptr;
        const nanoseconds_t ns = std::max<nanoseconds_t>(0, deadline - now());
        left.tv_sec = static_cast<time_t>(ns / second);
        left.tv_nsec = static_cast<long>(ns % second);
        return &left;
    }

    void serve(poll_source*& other) {
        auto end_now = other->serve();
        if (!end_now) {
            other = nullptr;
        } else if (*end_now) {
            run_.cut_short();
        }
    }

    run& run_;
    const wakeup* const bell_;
    std::array<poll_source*, 2> others_;
    int failures_ = 0;
};

}  // namespace

void run_to_exit(run& driven, const wakeup* bell, std::array<poll_source*, 2> others) {
    poll_driver(driven, bell, others).go();
}

}  // namespace fd2::runs
