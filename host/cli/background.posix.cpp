#include "cli/background.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <optional>

#include "process/child.hpp"
#include "process/exit_as.hpp"
#include "process/signals.hpp"
#include "process/standard_fds.hpp"

namespace fd2::cli {

namespace {

/// What the run tells the process that stands in for it. Both are copies of one process.
struct message {
    exit_status status = exit_status::lost(0);
    bool stays = false;  ///< the run goes on
};

std::optional<message> receive(int pipe) noexcept {
    message out;
    ssize_t size;
    do size = ::read(pipe, &out, sizeof out);
    while (size < 0 && errno == EINTR);
    if (size != static_cast<ssize_t>(sizeof out)) return std::nullopt;
    return out;
}

/// Hands signals on to the run, and waits until it goes on alone or ends; then ends as it was told.
/// No destructor runs here: that of `child` would kill the run.
[[noreturn]] void stand_in(process::child& run, process::signal_relay& duty, int pipe) {
    exit_status status = exit_status::lost(0);
    bool told = false;
    int signals = duty.descriptor();
    for (;;) {
        std::array<pollfd, 2> ready{{{signals, POLLIN, 0}, {pipe, POLLIN, 0}}};
        if (::poll(ready.data(), ready.size(), -1) < 0) {
            if (errno == EINTR) continue;
            ready[1].revents = POLLIN;  // no memory: wait in the read, without serving signals
        }
        // A descriptor that cannot be read would be ready for ever.
        if (ready[0].revents != 0 && !duty.serve(run)) signals = -1;
        if (ready[1].revents == 0) continue;
        if (const auto said = receive(pipe)) {
            if (said->stays) process::exit_as(said->status);
            status = said->status;
            told = true;
            continue;
        }
        // End of file: it has ended, or dies this moment.
        const auto end = run.wait();
        process::exit_as(told || !end ? status : *end);
    }
}

}  // namespace

result<background_run> background_run::begin(const process_start& start) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_failure("pipe", "background", errno);
    unique_fd read_end(ends[0]);
    unique_fd write_end(ends[1]);
    auto null = process::open_null();
    if (!null) return std::move(null).error();
    if (auto good = process::take_default_sigchld(); !good) return std::move(good).error();
    // Before the fork, so that the one that stands in loses no signal.
    auto duty = process::signal_relay::install(start.inherited);
    if (!duty) return std::move(duty).error();

    const pid_t seen_by = ::getppid();
    const pid_t caller = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0) return system_failure("fork", "background", errno);
    if (pid == 0) {
        // If the caller kills the process that it knows, this one goes as well.
        ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        if (::getppid() != caller) ::_exit(own_failure);
        if (auto good = start.inherited.restore_mask(); !good) return std::move(good).error();
        return background_run(std::move(write_end), seen_by);
    }
    write_end.reset();
    process::child run(pid);
    start.descriptors.close();
    (void)process::detach_stdio(process::wire_end::standard_input, null->get());
    if (!process::standard_output_is_a_socket()) {  // see runner::go
        (void)process::detach_stdio(process::wire_end::standard_output, null->get());
    }
    stand_in(run, *duty, read_end.get());
}

void background_run::tell(exit_status status, bool stays) noexcept {
    const message said{status, stays};
    // The pipe is empty, so it is written at once and whole. EPIPE: the other process was killed,
    // and this one is about to be.
    if (pipe_ && ::write(pipe_.get(), &said, sizeof said) < 0) {
    }
    if (stays) pipe_.reset();
}

void background_run::stay(exit_status status) noexcept {
    ::prctl(PR_SET_PDEATHSIG, 0, 0, 0, 0);
    ::setsid();
    tell(status, true);
}

void background_run::end(exit_status status) noexcept {
    tell(status, false);
    ::_exit(0);
}

}  // namespace fd2::cli
