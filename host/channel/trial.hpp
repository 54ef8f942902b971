// The trial of a plugin that there is no reason to trust: it is driven through a short life in a
// process of its own before it is mapped into this one. The loader decides what is tried, and
// remembers what came of it; how is the business of whoever may start processes
// (run/plugin_trial.hpp).
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace fd2::channel {

/// Which plugins are tried before they are mapped.
enum class load_policy {
    untried,       ///< none; what is recorded of trials does not count either
    automatic,     ///< all but what came with this copy of fd2 and only root may write, unless a
                   ///< record says that it is good
    always_tried,  ///< those that no record vouches for, whoever owns the file
    /// The same; and what neither came with this copy of fd2 nor conforms by a verdict of
    /// `fd2 conform` is refused.
    proved,
};

struct trial_outcome {
    enum class kind {
        passed,
        broken,   ///< it crashed, left, or broke the contract; will do so again
        stuck,    ///< it did not answer in time, or was killed: may be the machine's load
        refused,  ///< in good order, by an error code or the linker: it will refuse the host itself
        untried,  ///< there was no trial
        under_way,  ///< it is not over: the loader is to be asked again
    };
    kind what = kind::untried;
    /// Of all but `passed`: of what is broken a clause without the file, "crashed (SIGSEGV) in
    /// init".
    failure why{};
    std::string tried_by{};  ///< the version of fd2
};

/// An outcome as one line, for the way from one process to another, and back. None: damaged. Of the
/// failure its code, errno and text remain.
std::string line_of(const trial_outcome& outcome);
std::optional<trial_outcome> outcome_of(std::string_view line);

/// Tries the plugin that is behind `image`, a descriptor that stays the caller's, whose content has
/// this hash. `shown` is the file that a person knows.
using trial =
    std::function<trial_outcome(int image, const std::string& hash, const std::string& shown)>;

}  // namespace fd2::channel
