#include "run/plugin_trial.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/text_list.hpp"
#include "process/spawn.hpp"
#include "process/standard_fds.hpp"

namespace fd2::runs {

namespace {

using channel::trial_outcome;

/// What ending and clearing away a plugin that hangs may take beyond its own limit.
constexpr nanoseconds_t clearing_time = 5 * second;

trial_outcome no_trial(failure why) {
    trial_outcome out;
    out.why = std::move(why);
    return out;
}

/// A line of the pipe, without its end; empty if none comes until the deadline.
std::string read_line(int fd, nanoseconds_t deadline) {
    std::string line;
    for (;;) {
        pollfd readable{fd, POLLIN, 0};
        const int ready = ::poll(&readable, 1, poll_timeout(deadline, now()));
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) return {};
        char bytes[1024];
        const ssize_t got = ::read(fd, bytes, sizeof(bytes));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return {};
        line.append(bytes, static_cast<std::size_t>(got));
        if (const auto end = line.find('\n'); end != line.npos) return line.substr(0, end);
    }
}

trial_outcome try_by(const std::string& program, int image, const std::string& shown,
                     nanoseconds_t limit) {
    auto null = process::open_null();
    if (!null) return no_trial(std::move(null).error());
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return no_trial(system_failure("pipe", program, errno));
    const unique_fd answer(ends[0]);
    unique_fd asked(ends[1]);
    process::spawn_spec spec;
    spec.argv = {program, "--trial-of", shown, std::to_string(limit / millisecond)};
    spec.standard_input = image;
    spec.standard_output = asked.get();
    spec.standard_error = null->get();
    spec.signals = process::inherited_state{};
    auto running = process::spawn(spec);
    if (!running) return no_trial(std::move(running).error());
    asked.reset();
    const std::string line = read_line(answer.get(), after(now(), limit + clearing_time));
    (void)running->put_down();  // it has nothing left to do
    if (auto outcome = channel::outcome_of(line)) return std::move(*outcome);
    return no_trial({errc::internal, 0, program + " gave no answer"});
}

}  // namespace

channel::trial plugin_trial(std::vector<std::string> programs, nanoseconds_t limit) {
    return [programs = std::move(programs), limit](int image, const std::string& shown) {
        const auto program = std::find_if(programs.begin(), programs.end(), [](const auto& each) {
            return ::access(each.c_str(), F_OK) == 0;
        });
        if (program == programs.end()) {
            return no_trial({errc::unsupported, ENOENT, "no " + join(programs, ", no ")});
        }
        return try_by(*program, image, shown, limit);
    };
}

}  // namespace fd2::runs
