// What a run is going to do, decided from its arguments and settings alone, before anything is
// opened.
#pragma once

#include <string>
#include <vector>

#include "cli/run.hpp"
#include "run/stderr_plan.hpp"

namespace fd2::cli {

struct run_plan {
    runs::stderr_plan stderr_from;

    /// The options and keys of this run that read the command's stderr or change how it is shown:
    /// "--stats", "forward.mode: off". Empty: nobody would notice that nothing is captured.
    std::vector<std::string> readers;

    /// finish.writers-remain: follow, because it is set, or because the command is an ssh that goes
    /// to the background.
    bool follow = false;
};

/// `on_terminal`: our stderr is one.
run_plan plan_run(const run_options& options, const settings::loaded& loaded, bool on_terminal);

}  // namespace fd2::cli
