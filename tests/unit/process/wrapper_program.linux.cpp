// The room's parts put together as `fd2 run` uses them, without any stderr handling.
// Usage: process_wrapper COMMAND [ARGUMENT...]
// With FAULT in the environment: a fault of its own, once the child runs.
// With LINGER_FD in the environment: after the child's end, says "ended" on that descriptor and
// waits for a signal that tells it to stop, as a lingering channel would.
#include <poll.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "process/exit_as.hpp"
#include "process/inheritance.hpp"
#include "process/signals.hpp"
#include "process/spawn.hpp"
#include "process/standard_fds.hpp"

namespace process = fd2::process;

namespace {

[[noreturn]] void refuse(const fd2::failure& why, int code) {
    std::fprintf(stderr, "wrapper: %s\n", why.message.c_str());
    ::_exit(code);
}

template <class T>
T need(fd2::result<T> got) {
    if (!got) refuse(got.error(), 125);
    return std::move(got).value();
}
void need(const fd2::status& done) {
    if (!done) refuse(done.error(), 125);
}

int served(process::signal_relay& duty, process::child& child) {
    return need(duty.serve(child)).terminate;
}

fd2::exit_status run(process::signal_relay& duty, process::child& child) {
    for (;;) {
        pollfd both[] = {{duty.descriptor(), POLLIN, 0}, {child.pidfd(), POLLIN, 0}};
        if (::poll(both, 2, -1) < 0) continue;
        if (both[0].revents) served(duty, child);
        if (both[1].revents) return need(child.wait());
    }
}

}  // namespace

int main(int argc, char** argv) {
    const auto given = need(process::inherited_state::capture());
    need(process::take_default_sigchld());
    need(process::secure_standard_fds());
    auto duty = need(process::signal_relay::install(given));
    const auto null = need(process::open_null());

    process::spawn_spec spec;
    spec.argv.assign(argv + 1, argv + argc);
    spec.signals = given;
    spec.parent_death_signal = SIGKILL;
    process::spawn_refusal refusal{};
    auto spawned = process::spawn(spec, &refusal);
    if (!spawned) refuse(spawned.error(), static_cast<int>(refusal));
    process::child child = std::move(spawned).value();
    need(process::detach_stdio(process::wire_end::standard_input, null.get()));
    need(process::detach_stdio(process::wire_end::standard_output, null.get()));

    if (std::getenv("FAULT")) __builtin_trap();
    const auto status = run(duty, child);
    if (const char* linger = std::getenv("LINGER_FD")) {
        if (::write(std::atoi(linger), "ended\n", 6) != 6) return 124;
        for (pollfd one{duty.descriptor(), POLLIN, 0}; served(duty, child) == 0;) {
            ::poll(&one, 1, -1);
        }
    }
    process::exit_as(status);
}
