// The sibling of poll_driver.linux.cpp: WaitForMultipleObjects on the child's process, the bell and
// what else there is, all of which are handles that can be waited on. (A channel that is read here
// drains on its own thread, so that its object is not among them.)
#include "run/poll_driver.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/handle.windows.hpp"
#include "base/system_code.hpp"

namespace fd2::runs {

result<std::shared_ptr<wakeup>> wakeup::make() {
    unique_fd event(fd_of(::CreateEventW(nullptr, TRUE, FALSE, nullptr)));
    if (!event) return system_failure("CreateEvent", "wake-up of the run", last_system_code());
    return std::shared_ptr<wakeup>(new wakeup(std::move(event)));
}

void wakeup::ring() const noexcept {
    ::SetEvent(handle_of(event_.get()));
}

void wakeup::clear() const noexcept {
    ::ResetEvent(handle_of(event_.get()));
}

namespace {

bool is_signalled(int fd) noexcept {
    return fd >= 0 && ::WaitForSingleObject(handle_of(fd), 0) == WAIT_OBJECT_0;
}

class waiting_driver {
  public:
    waiting_driver(run& driven, const wakeup* bell, std::array<poll_source*, 2> others)
        : run_(driven), bell_(bell), others_(others) {}

    void go() {
        unsigned events = nothing;
        for (;;) {
            const loop_wants next = run_.step(events);
            if (next.over || run_.ended()) return;
            events = wait(next);
        }
    }

  private:
    unsigned wait(const loop_wants& next) {
        std::array<HANDLE, 4> handles{};
        DWORD used = 0;
        const auto add = [&](int fd) {
            if (fd >= 0) handles[used++] = handle_of(fd);
        };
        nanoseconds_t deadline = deadline_of(next.deadline);
        for (const poll_source* other : others_) {
            if (!other) continue;
            add(other->descriptor);
            deadline = std::min(deadline, other->at);
        }
        add(next.exit_fd);
        add(bell_ ? bell_->descriptor() : -1);
        const int left = next.soon ? 0 : poll_timeout(deadline, now());
        const DWORD limit = left < 0 ? INFINITE : static_cast<DWORD>(left);
        DWORD woken = WAIT_TIMEOUT;
        if (used != 0) {
            woken = ::WaitForMultipleObjects(used, handles.data(), FALSE, limit);
        } else {
            ::Sleep(limit);
        }
        if (woken == WAIT_FAILED) {
            // A handle that is none: what is left is done at once.
            if (!run_.child_exit()) {
                (void)run_.child().wait();
                return exit_ready;
            }
            run_.stop_waiting();
            return nothing;
        }
        unsigned events = nothing;
        if (woken == WAIT_TIMEOUT && !next.soon && deadline == deadline_of(next.deadline)) {
            events |= deadline_passed;
        }
        // Console events first: those came before the end.
        for (poll_source*& other : others_) {
            if (!other) continue;
            if (is_signalled(other->descriptor) || (other->at != never && now() >= other->at)) {
                serve(other);
            }
        }
        if (is_signalled(next.exit_fd)) events |= exit_ready;
        if (bell_) bell_->clear();
        return events;
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
};

}  // namespace

void run_to_exit(run& driven, const wakeup* bell, std::array<poll_source*, 2> others) {
    waiting_driver(driven, bell, others).go();
}

}  // namespace fd2::runs
