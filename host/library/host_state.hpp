// The implementation of fd2::host.
#pragma once

#include <fd2/host.hpp>
#include <fd2/running.hpp>

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <vector>

#include "base/home_process.hpp"
#include "base/result.hpp"
#include "channel/loader.hpp"
#include "channel/selection.hpp"
#include "forward/forwarder.hpp"
#include "library/running_list.hpp"
#include "run/run.hpp"
#include "run/stderr_plan.hpp"
#include "run/swap.hpp"
#include "settings/load.hpp"
#include "settings/settings.hpp"

namespace fd2 {

/// Shared by the host's copies and its connections. [any thread]
class host_state {
  public:
    static result<std::shared_ptr<host_state>> make(const host_options& options);
    ~host_state();
    host_state(const host_state&) = delete;
    host_state& operator=(const host_state&) = delete;

    /// As they are now: a reload replaces them, and who has them keeps them.
    std::shared_ptr<const settings::settings> config() const noexcept {
        const std::lock_guard lock(replacing_);
        return settings_;
    }
    int stderr_fd() const noexcept { return stderr_fd_; }
    forward::forwarder& forwarder() noexcept { return forwarder_; }

    result<channel::selected> open(const channel::open_request& want, channel::channel_setup setup,
                                   std::vector<channel::attempt>& attempts);

    const std::shared_ptr<running_list>& running() const noexcept { return running_; }

    /// Moves running channels; `done` is called once, by this call or by the last of the loops that
    /// have to move theirs. A failure: the backend cannot be used at all. `why`: who asked, for the
    /// observer.
    void swap(const swap_request& wanted, const std::string& why,
              std::function<void(result<std::vector<swap_result>>)> done);

    /// Reads the configuration again, and takes it if it has no mistake. `done` as for `swap`.
    void reload(const std::string& why, std::function<void(reload_result)> done);

    /// What decides about this host: the configuration's files, and the plugins of the lists. Empty
    /// while reload.watch is off.
    std::vector<std::string> files_to_watch() const;

    /// Reports something that the owner of a child should know, and that no call can return.
    void tell(severity level, const std::string& text);

    /// Reports, once, that children inherit our stderr by choice: a forgotten feature flag would
    /// show nowhere else.
    void tell_inherit(const std::string& why);

    /// Takes a run whose child has ended and whose other writers are followed: until EOF, or until
    /// the host's end.
    void follow(std::shared_ptr<runs::run> machine);

  private:
    host_state(settings::loaded config, const host_options& options);
    void let_go_of_ended();
    void make_pool(const settings::settings& config);
    struct choices {
        std::vector<runs::candidate> sync;
        std::vector<runs::candidate> async;
    };
    void swap_to(std::vector<listed_child::facts> children, const choices& to, bool back,
                 const std::string& why, std::function<void(std::vector<swap_result>)> done);

    const host_options options_;  // for the next reload; its observer is watch_
    mutable std::mutex replacing_;
    std::shared_ptr<const settings::settings> settings_;
    std::vector<settings::looked_for> searched_;
    const std::shared_ptr<running_list> running_ = std::make_shared<running_list>();
    const int stderr_fd_;
    observer* const watch_;
    forward::forwarder forwarder_;
    std::mutex selecting_;  // of the loader and the pool; held while backends are loaded and opened
    std::unique_ptr<channel::loader> loader_;
    std::unique_ptr<channel::backend_pool> pool_;
    std::atomic<bool> told_inherit_{false};
    std::mutex following_;
    std::list<std::shared_ptr<runs::run>> followed_;
    std::shared_ptr<void> control_;  // with options.control
};

class host_access {
  public:
    static const std::shared_ptr<host_state>& state(const host& context) noexcept {
        return context.state_;
    }
};

}  // namespace fd2
