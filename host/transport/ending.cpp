#include "transport/ending.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <thread>

namespace fd2::transport {

result<end_signal> end_signal::make() {
    unique_fd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!event) return system_failure("eventfd", "end of the channel", errno);
    return end_signal(std::move(event));
}

void end_signal::raise() const noexcept {
    const std::uint64_t one = 1;
    // Fails only when it is raised already, to the brim.
    if (::write(event_.get(), &one, sizeof(one)) < 0) return;
}

namespace {

/// The wait as a machine of few parts: what is ready, then what follows.
class waiter {
  public:
    waiter(const running& of, const end_policy& policy, const side_duty* side)
        : of_(of), policy_(policy), side_(side) {}

    result<ending> run() {
        if (of_.child.ended()) note_exit(*of_.child.ended());
        if (!status_ && !side_ && of_.child.pidfd() < 0) {
            // Nothing else to serve, and nothing to poll: the channel drains on its own thread.
            if (auto good = wait_blocking(); !good) return std::move(good).error();
        }
        while (!status_) {
            if (auto good = step(never); !good) return std::move(good).error();
        }
        if (auto good = linger(); !good) return std::move(good).error();
        if (policy_.follow && carried_is_running() && !cut_short_) {
            return ending{*status_, exited_, now(), true, false, false};
        }
        complete();
        return flush();
    }

  private:
    enum : std::size_t { side_slot, child_slot, channel_slot, flush_slot, slots };

    bool carried_is_running() const { return of_.carried && !of_.carried->ended(); }

    /// Waits until something is ready or `deadline`, and serves it: signals first, because those
    /// came before the end.
    status step(nanoseconds_t deadline, int flush_event = -1) {
        std::array<pollfd, slots> ready{};
        for (auto& slot : ready) slot = {-1, POLLIN, 0};
        if (side_) ready[side_slot].fd = side_->descriptor;
        if (!status_) ready[child_slot].fd = of_.child.pidfd();
        if (carried_is_running() && of_.ended) ready[channel_slot].fd = of_.ended->descriptor();
        ready[flush_slot].fd = flush_event;
        timespec left{};
        const timespec* wait = nullptr;
        if (deadline != never) {
            const nanoseconds_t ns = std::max<nanoseconds_t>(0, deadline - now());
            left.tv_sec = static_cast<time_t>(ns / second);
            left.tv_nsec = static_cast<long>(ns % second);
            wait = &left;
        }
        if (::ppoll(ready.data(), ready.size(), wait, nullptr) < 0) {
            if (errno == EINTR) return {};
            return system_failure("poll", "child", errno);
        }
        if (ready[side_slot].revents != 0) {
            auto leave_off = side_->serve();
            if (!leave_off) return std::move(leave_off).error();
            cut_short_ |= *leave_off;
        }
        if (status_) return {};
        // Without a pidfd the side duty's SIGCHLD is what woke us.
        if (ready[child_slot].revents != 0 || of_.child.pidfd() < 0) {
            auto end = of_.child.try_wait();
            if (!end) return std::move(end).error();
            if (*end) note_exit(**end);
        }
        if (of_.carried && of_.carried->ended()) close_channel();
        return {};
    }

    status wait_blocking() {
        auto end = of_.child.wait();
        if (!end) return std::move(end).error();
        note_exit(*end);
        return {};
    }

    void note_exit(exit_status how) {
        status_ = how;
        exited_ = now();
        if (of_.carried) of_.carried->child_exited();
    }

    status linger() {
        while (carried_is_running() && !cut_short_) {
            const nanoseconds_t until = linger_until(policy_, exited_, of_.carried->last_byte());
            if (until <= now()) break;
            tell_detained();
            if (auto good = step(until); !good) return good;
        }
        return {};
    }

    void tell_detained() {
        if (of_.detained && !detained_) of_.detained();
        detained_ = true;
    }

    /// From here on nothing pauses: what lies in the kernel object comes out and the record is
    /// final.
    void complete() {
        if (of_.forwards) of_.forwards->stream().finishing();
        if (of_.before_finish) of_.before_finish();
        if (of_.carried) of_.carried->finish(FD2_FINISH_DRAIN);
        close_channel();
    }

    void close_channel() {
        if (!of_.carried) return;
        // The backend's part is bounded by the object's capacity, ours never blocks.
        if (!of_.carried->join(after(now(), 10 * second))) of_.carried->finish(FD2_FINISH_NOW);
        if (of_.forwards) of_.forwards->attach({});
        of_.carried.reset();
    }

    /// The forwarder waits for our own stderr on a thread of its own; we go on serving signals.
    result<ending> flush() {
        bool flushed = true;
        if (of_.forwards) {
            auto& stream = of_.forwards->stream();
            if (stream.look().queued != 0 && !cut_short_) {
                tell_detained();
                flushed = flush_beside(stream);
            } else {
                if (cut_short_) stream.abandon();
                flushed = stream.flush(never);
            }
        }
        return ending{*status_, exited_, now(), flushed, cut_short_, true};
    }

    bool flush_beside(forward::stream& stream) {
        auto done = end_signal::make();
        if (!done || !side_) return stream.flush(never);
        bool flushed = false;
        std::thread flusher;
        try {
            flusher = std::thread([&] {
                flushed = stream.flush(never);
                done->raise();
            });
        } catch (const std::system_error&) {
            return stream.flush(never);
        }
        while (!cut_short_) {
            pollfd event{done->descriptor(), POLLIN, 0};
            if (!step(never, done->descriptor())) break;
            if (::poll(&event, 1, 0) != 0) break;
        }
        if (cut_short_) stream.abandon();
        flusher.join();
        return flushed;
    }

    const running& of_;
    const end_policy& policy_;
    const side_duty* side_;
    std::optional<exit_status> status_;
    nanoseconds_t exited_ = 0;
    bool cut_short_ = false;
    bool detained_ = false;
};

}  // namespace

result<ending> wait_to_end(const running& of, const end_policy& policy, const side_duty* side) {
    return waiter(of, policy, side).run();
}

}  // namespace fd2::transport
