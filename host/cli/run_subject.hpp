// A run as those see it who look at it from outside, by a control socket. Windows has none.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "channel/selection.hpp"
#include "cli/console.hpp"
#include "cli/run.hpp"
#include "cli/stats.hpp"
#include "run/poll_driver.hpp"
#include "run/run.hpp"
#include "run/stderr_plan.hpp"
#include "settings/load.hpp"

namespace fd2::cli {

/// All of it outlives who serves it.
struct run_subject {
    const run_options& options;
    const settings::loaded& loaded;
    bool on_terminal;
    const runs::stderr_plan& plan;
    channel::backend_pool* pool;  ///< null where nothing is captured
    runs::run& run;
    run_report& report;
    console& log;
    std::function<void(const std::string& backend)> moved;  ///< told of each hand-over
};

/// Whoever serves it, beside the run.
class run_server {
  public:
    virtual ~run_server() = default;
    /// For run_to_exit, once the child was spawned.
    virtual runs::poll_source& source() noexcept = 0;
};

/// Null where there is no control socket.
std::unique_ptr<run_server> serve_run(run_subject subject);

}  // namespace fd2::cli
