// Runs checks of one plugin, each in processes of its own, and judges the plugin by them.
#pragma once

#include <csignal>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "conformance/catalogue.hpp"
#include "conformance/verdict.hpp"

namespace fd2::conformance {

/// A failure that is known and allowed until a day.
struct waiver {
    std::string reason;
    std::string until;  ///< "2027-01-31", that day included
};

struct plan {
    std::string plugin;               ///< the file, absolute
    std::string options;              ///< of every channel: "name=value&name=value"
    std::vector<std::string> beside;  ///< "FILE?OPTIONS": others to hand channels over to
    std::vector<const check*> checks;
    std::map<std::string, waiver> waivers;  ///< by id; those that have expired are left out
    unsigned jobs = 1;                      ///< checks at a time
    unsigned repeat = 1;                    ///< how often each is run; the worst verdict counts
    std::uint64_t seed = 1;
    bool full = false;
    nanoseconds_t limit = 120 * second;  ///< of one check: it has hung
    /// Set by the caller's handler of SIGINT or SIGTERM: what is under way is ended, what is over
    /// is the outcome. Null: nobody interrupts.
    const volatile std::sig_atomic_t* interrupted = nullptr;
};

/// What came of a plan.
struct outcome {
    std::string plugin;
    std::string options;
    std::uint64_t seed = 1;
    bool full = false;
    description backend;
    std::vector<verdict> verdicts;  ///< in the order of the checks
    std::size_t unfinished = 0;     ///< checks that an interruption has left without a verdict
    double seconds = 0;

    std::size_t count(status what) const;
    /// Every check that is a `must` held; some were run, and all were that the plan has.
    bool conforms() const;
    /// The capabilities, by name, that the backend claims and that a check of them found wanting.
    std::vector<std::string> refuted() const;
    /// The ids of the checks that failed, crashed or hung.
    std::vector<std::string> failed() const;
};

/// Called in this thread, in the order of the ends: how many are over.
using progress = std::function<void(const verdict& newest, std::size_t over, std::size_t all)>;

/// Runs the plan. Of a plugin that cannot be loaded or described the verdict "describe" is the
/// first, and only the checks of group S follow, which read the file. Errors: this program cannot
/// be executed again, no memory, no processes. [for programs with one thread; children of the
/// caller are left alone]
result<outcome> run(const plan& planned, const progress& tell);

}  // namespace fd2::conformance
