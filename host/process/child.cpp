#include "process/child.hpp"

#include <unistd.h>

#include <cerrno>
#include <exception>
#include <string>
#include <utility>

#include "base/signal_set.hpp"

namespace fd2::process {
namespace {

std::string name_of_child(pid_t pid) {
    return "child " + std::to_string(pid);
}

}  // namespace

child::child(pid_t pid, unique_fd pidfd, unique_fd group) noexcept
    : fd_(std::move(pidfd)), group_(std::move(group)), pid_(pid) {
    if (!fd_) open_pidfd();
}

child::child(child&& other) noexcept
    : fd_(std::move(other.fd_)),
      group_(std::move(other.group_)),
      pid_(std::exchange(other.pid_, 0)),
      parent_(other.parent_),
      pidfd_errno_(other.pidfd_errno_),
      ended_(std::exchange(other.ended_, std::nullopt)) {}

child& child::operator=(child&& other) noexcept {
    if (this != &other) {
        end();
        fd_ = std::move(other.fd_);
        group_ = std::move(other.group_);
        pid_ = std::exchange(other.pid_, 0);
        parent_ = other.parent_;
        pidfd_errno_ = other.pidfd_errno_;
        ended_ = std::exchange(other.ended_, std::nullopt);
    }
    return *this;
}

bool child::owned() const noexcept {
    return pid_ > 0 && !ended_ && parent_ == ::getpid();
}

failure child::not_owned(const char* operation) const {
    const bool collected = pid_ <= 0 || ended_;
    return {errc::state, 0,
            std::string(operation) + ": " + name_of_child(pid_) +
                (collected ? ": already reaped"
                           : ": belongs to process " + std::to_string(parent_) +
                                 ", from which this process was forked")};
}

status child::ensure_pidfd() {
    if (fd_) return {};
    if (!owned()) return not_owned("pidfd_open");
    if (const int why = open_pidfd()) {
        return system_failure("pidfd_open", name_of_child(pid_), why);
    }
    return {};
}

void child::lose(int why) noexcept {
    const std::lock_guard lock(collecting_);
    ended_ = exit_status::lost(why);
}

result<std::optional<exit_status>> child::try_wait() {
    if (!owned()) return not_owned("wait");
    // A wait that fails says nothing about the child, but that somebody else has collected it.
    if (const int why = take_end(false); why != 0 && (why == ECHILD || is_gone())) lose(why);
    return ended_;
}

result<exit_status> child::wait(nanoseconds_t deadline) {
    if (!owned()) return not_owned("wait");
    if (deadline == never) return collect();
    auto ready = ensure_pidfd();
    if (!ready) return std::move(ready).error();
    auto in_time = ends_before(deadline);
    if (!in_time) return std::move(in_time).error();
    if (*in_time) return collect();
    return failure{errc::timedout, ETIMEDOUT,
                   "wait: " + name_of_child(pid_) + ": still running at the deadline"};
}

status child::kill(int signal) {
    if (parent_ != ::getpid() && pid_ > 0) return not_owned("kill");
    if (const int why = send(signal)) {
        return system_failure("kill with " + signal_name(signal), name_of_child(pid_), why);
    }
    return {};
}

status child::kill_now() {
    if (parent_ != ::getpid() && pid_ > 0) return not_owned("kill");
    if (const int why = end_now()) return system_failure("kill", name_of_child(pid_), why);
    return {};
}

status child::put_down() {
    if (!owned()) return {};
    const int why = end_now();
    if (why == 0) {
        // Without a pidfd there is only the wait without an end.
        const bool bounded = fd_ || open_pidfd() == 0;
        auto ended = wait(bounded ? after(now(), kill_patience) : never);
        if (ended) return {};
        disown();
        return std::move(ended).error();
    }
    auto ended = try_wait();
    if (ended && *ended) return {};
    failure out = system_failure("kill", name_of_child(pid_), why);
    disown();
    return out;
}

void child::disown() noexcept {
    const std::lock_guard lock(collecting_);
    pid_ = 0;
}

void child::end() noexcept {
    if (!owned()) return;
    try {
        (void)put_down();
    } catch (const std::exception&) {
        // Out of memory for the message of an error that nobody would get.
        disown();
    }
}

}  // namespace fd2::process
