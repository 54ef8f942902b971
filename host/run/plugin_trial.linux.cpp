#include "run/plugin_trial.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/files.hpp"
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

}  // namespace

running_trial::running_trial(const std::string& program, unique_fd answer, process::child running,
                             nanoseconds_t deadline)
    : program_(program),
      answer_(std::move(answer)),
      running_(std::move(running)),
      deadline_(deadline) {}

result<running_trial> running_trial::start(const std::vector<std::string>& programs, int image,
                                           const std::string& shown, nanoseconds_t limit) {
    const auto program = std::find_if(programs.begin(), programs.end(), [](const auto& each) {
        return ::access(each.c_str(), F_OK) == 0;
    });
    if (program == programs.end()) {
        return failure{errc::unsupported, ENOENT, "no " + join(programs, ", no ")};
    }
    auto null = process::open_null();
    if (!null) return std::move(null).error();
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return system_failure("pipe", *program, errno);
    unique_fd answer(ends[0]);
    const unique_fd asked(ends[1]);
    if (const int why = set_non_blocking(answer.get()); why != 0) {
        return system_failure("fcntl", *program, why);
    }
    process::spawn_spec spec;
    spec.argv = {*program, "--trial-of", shown, std::to_string(limit / millisecond)};
    spec.standard_input = image;
    spec.standard_output = asked.get();
    spec.standard_error = null->get();
    spec.signals = process::inherited_state{};
    auto running = process::spawn(spec);
    if (!running) return std::move(running).error();
    return running_trial(*program, std::move(answer), std::move(*running),
                         after(now(), limit + clearing_time));
}

std::optional<trial_outcome> running_trial::outcome() {
    bool ended = now() >= deadline_;
    for (;;) {
        char bytes[1024];
        const ssize_t got = ::read(answer_.get(), bytes, sizeof(bytes));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EAGAIN) break;
        if (got <= 0) {
            ended = true;
            break;
        }
        line_.append(bytes, static_cast<std::size_t>(got));
    }
    const auto end = line_.find('\n');
    if (end == line_.npos && !ended) return {};
    (void)running_.put_down();  // it has nothing left to do
    if (end != line_.npos) {
        if (auto out = channel::outcome_of(line_.substr(0, end))) return out;
    }
    return no_trial({errc::internal, 0, program_ + " gave no answer"});
}

channel::trial plugin_trial(std::vector<std::string> programs, nanoseconds_t limit) {
    return [programs = std::move(programs), limit](int image, const std::string& /*hash*/,
                                                   const std::string& shown) {
        auto started = running_trial::start(programs, image, shown, limit);
        if (!started) return no_trial(std::move(started).error());
        for (;;) {
            if (auto out = started->outcome()) return std::move(*out);
            pollfd readable{started->descriptor(), POLLIN, 0};
            (void)::poll(&readable, 1, poll_timeout(started->deadline(), now()));
        }
    };
}

bool background_trials::is_over() {
    if (!running_) return false;
    auto outcome = running_->outcome();
    if (!outcome) return false;
    running_.reset();
    over_.insert_or_assign(hash_, std::move(*outcome));
    return true;
}

trial_outcome background_trials::outcome_of(int image, const std::string& hash,
                                            const std::string& shown) {
    if (const auto known = over_.find(hash); known != over_.end()) return known->second;
    if (!running_) {
        auto started = running_trial::start(programs_, image, shown);
        if (!started) return no_trial(std::move(started).error());
        running_.emplace(std::move(*started));
        hash_ = hash;
    }
    trial_outcome out;
    out.what = trial_outcome::kind::under_way;
    out.why = {errc::resource, 0, "is being tried"};
    return out;
}

}  // namespace fd2::runs
