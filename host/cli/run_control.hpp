// What a run of the command lets others see and change through its control socket.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "channel/selection.hpp"
#include "cli/console.hpp"
#include "cli/run_plan.hpp"
#include "cli/run_subject.hpp"
#include "cli/stats.hpp"
#include "control/controlled.hpp"
#include "control/server.hpp"
#include "run/plugin_trial.hpp"
#include "run/poll_driver.hpp"
#include "run/swap.hpp"

namespace fd2::cli {

/// Serves the control socket of one run, which is made when the run is 200 ms old: shorter ones pay
/// nothing for it. [the run's thread]
class run_control final : public control::controlled, public run_server {
  public:
    explicit run_control(run_subject of);
    ~run_control() override;

    /// For run_to_exit, once the child was spawned.
    runs::poll_source& source() noexcept override { return source_; }

    using reload_answer = std::variant<control::reload_outcome, control::invalid_configuration>;

    control::host_state describe() override;
    std::vector<control::channel_state> channels() override;
    void swap(const control::swap_request& wanted, const control::requester& who,
              control::answer<result<control::swap_outcome>> done) override;
    void reload(
        const control::requester& who,
        control::answer<std::variant<control::reload_outcome, control::invalid_configuration>> done)
        override;

  private:
    result<bool> serve();
    result<bool> serve_or_open();
    void reload_now(const std::optional<control::requester>& who,
                    control::answer<reload_answer> done);
    std::vector<std::string> files_to_watch() const;
    void watch();
    control::swap_outcome swap_to(std::vector<runs::candidate> to,
                                  const std::optional<control::requester>& who);

    /// Who waits for backends, and for which.
    struct pending {
        std::vector<std::string> names;
        channel::trust_source source;
        std::function<void(std::vector<runs::candidate>)> go_on;
    };
    void keep(const channel::loaded_plugin& by, const std::string& why,
              const std::optional<control::requester>& who);
    const std::string& hash_of(const channel::loaded_plugin& plugin) const;
    bool takes_records() const;
    void with_candidates(pending wanted);
    void serve_pending();
    std::optional<control::swap_outcome> nothing_to_move() const;
    const settings::settings& config() const noexcept {
        return reloaded_ ? reloaded_->values : of_.loaded.values;
    }
    void tell(severity level, const std::string& text) noexcept;
    void audit(nlohmann::ordered_json what, const std::optional<control::requester>& who);

    run_subject of_;
    runs::poll_source source_;
    std::unique_ptr<control::server> server_;
    std::optional<settings::loaded> reloaded_;
    runs::stderr_plan plan_;
    channel::shared_backend before_;  ///< the backend before the last hand-over
    /// What the run began with, and its hash; empty: unknown.
    std::shared_ptr<const channel::loaded_plugin> first_;
    std::string first_hash_;
    std::unique_ptr<channel::loader> loader_;  ///< after a reload that changed the path
    std::unique_ptr<channel::backend_pool> pool_;
    std::optional<runs::background_trials> trials_;  ///< since the socket is there
    std::deque<pending> pending_;                    ///< in the order of the requests
};

}  // namespace fd2::cli
