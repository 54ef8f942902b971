// Trials of plugins (channel/trial.hpp) by executing fd2-conform, which isolates what it tries. Not
// by a fork: the process may have threads, and what would run in its copy is a stranger's code.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "channel/trial.hpp"
#include "process/child.hpp"

namespace fd2::runs {

/// How long a plugin may take for the life that it is tried by.
constexpr nanoseconds_t trial_limit = 5 * second;

/// A trial that goes on beside other work. The destructor ends it. [one thread]
class running_trial {
  public:
    /// By the first of `programs` that is there. The program gets the plugin's content, a pipe for
    /// its answer and nothing else of ours, is in a process group of its own, and ends when this
    /// process does. UNSUPPORTED: no program is there.
    static result<running_trial> start(const std::vector<std::string>& programs, int image,
                                       const std::string& shown, nanoseconds_t limit = trial_limit);

    /// Readable when there is something for `outcome` to read.
    int descriptor() const noexcept { return answer_.get(); }
    /// When `outcome` has one at the latest.
    nanoseconds_t deadline() const noexcept { return deadline_; }

    /// Never blocks. None: it is not over yet.
    std::optional<channel::trial_outcome> outcome();

  private:
    running_trial(const std::string& program, unique_fd answer, process::child running,
                  nanoseconds_t deadline);

    std::string program_;
    unique_fd answer_;
    process::child running_;
    nanoseconds_t deadline_;
    std::string line_;
};

/// Trials that are waited for. Without a program, and where it cannot be executed, every outcome is
/// `untried`. [the trial: any thread]
channel::trial plugin_trial(std::vector<std::string> programs, nanoseconds_t limit = trial_limit);

/// Trials for a process that must not wait: the loader is told `under_way` until an outcome is
/// there, and is to be asked again then. One trial goes on at a time. [one thread]
class background_trials {
  public:
    explicit background_trials(std::vector<std::string> programs)
        : programs_(std::move(programs)) {}

    /// For loader::set_trial; valid as long as this object.
    channel::trial trial() {
        return [this](int image, const std::string& hash, const std::string& shown) {
            return outcome_of(image, hash, shown);
        };
    }

    /// The trial that goes on, or null.
    const running_trial* going_on() const noexcept { return running_ ? &*running_ : nullptr; }

    /// Looks whether it is over. True: the loader is to be asked again.
    bool is_over();

  private:
    channel::trial_outcome outcome_of(int image, const std::string& hash, const std::string& shown);

    const std::vector<std::string> programs_;
    std::optional<running_trial> running_;
    std::string hash_;                                    ///< of what is tried
    std::map<std::string, channel::trial_outcome> over_;  ///< by hash
};

}  // namespace fd2::runs
