#include "cli/conform_system.hpp"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "base/clock.hpp"
#include "conformance/trial.hpp"

namespace fd2::cli {

namespace {

constexpr int failed = 2;

volatile std::sig_atomic_t* noted = nullptr;

/// Raises the soft limit as far as it goes, at most to `enough`; whether that is reached.
bool raise_limit(int resource, rlim_t enough) {
    const auto which = static_cast<decltype(RLIMIT_NOFILE)>(resource);
    rlimit limit{};
    if (::getrlimit(which, &limit) != 0) return false;
    if (limit.rlim_cur >= enough) return true;
    limit.rlim_cur = std::min(limit.rlim_max, enough);
    (void)::setrlimit(which, &limit);
    return limit.rlim_cur >= enough;
}

/// Whether this process may have less memory or time than others: a good plugin may break as well.
bool is_limited() {
    for (const auto resource : {RLIMIT_AS, RLIMIT_DATA, RLIMIT_CPU}) {
        rlimit limit{};
        if (::getrlimit(resource, &limit) != 0 || limit.rlim_cur != RLIM_INFINITY) return true;
    }
    return false;
}

}  // namespace

int trial_of(const char* shown, const char* milliseconds) {
    using kind = channel::trial_outcome::kind;
    ::setpgid(0, 0);  // Ctrl-C is meant for who asks, whose end we see
    ::syscall(SYS_close_range, 3U, ~0U, 0U);
    const auto limit = std::strtoll(milliseconds, nullptr, 10) * millisecond;
    channel::trial_outcome seen;
    if (!raise_limit(RLIMIT_NOFILE, 1024) || !raise_limit(RLIMIT_FSIZE, 256 << 20) ||
        !raise_limit(RLIMIT_STACK, 1 << 20)) {
        seen.why = {errc::resource, 0,
                    "the limit on descriptors, file size or stack size is too low"};
    } else {
        seen = conformance::try_plugin(STDIN_FILENO, shown, limit, STDOUT_FILENO);
        if (seen.what == kind::broken && is_limited()) seen.what = kind::stuck;
    }
    const std::string line = channel::line_of(seen) + "\n";
    const auto wrote = ::write(STDOUT_FILENO, line.data(), line.size());
    return wrote == static_cast<ssize_t>(line.size()) ? 0 : failed;
}

void note_interruption(volatile std::sig_atomic_t& into) {
    noted = &into;
    struct sigaction remember {};
    remember.sa_handler = [](int signal) { *noted = signal; };
    remember.sa_flags = static_cast<int>(SA_RESETHAND);
    for (const int signal : {SIGINT, SIGTERM}) {
        struct sigaction before {};
        if (::sigaction(signal, nullptr, &before) == 0 && before.sa_handler != SIG_IGN) {
            ::sigaction(signal, &remember, nullptr);
        }
    }
}

void end_by(int signal) {
    ::raise(signal);
}

}  // namespace fd2::cli
