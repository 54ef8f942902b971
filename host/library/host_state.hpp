// What stands behind a host.
#pragma once

#include <fd2/host.hpp>

#include <atomic>
#include <list>
#include <memory>
#include <mutex>
#include <optional>

#include "base/result.hpp"
#include "channel/selection.hpp"
#include "forward/forwarder.hpp"
#include "loader/loader.hpp"
#include "settings/settings.hpp"
#include "transport/ending.hpp"
#include "transport/stderr_plan.hpp"

namespace fd2 {

/// A channel whose child has ended and whose other writers are followed.
struct followed_channel {
    std::shared_ptr<transport::end_signal> ended;
    std::shared_ptr<transport::forwarding> forwards;
    std::unique_ptr<channel::channel> carried;
};

/// Shared by the host's copies and its connections. [any thread]
class host_state {
  public:
    static result<std::shared_ptr<host_state>> make(const host_options& options);
    ~host_state();
    host_state(const host_state&) = delete;
    host_state& operator=(const host_state&) = delete;

    const settings::settings& with() const noexcept { return settings_; }
    int stderr_fd() const noexcept { return stderr_fd_; }
    forward::forwarder& forwarder() noexcept { return forwarder_; }

    result<channel::selected> open(const channel::wish& want, channel::channel_setup setup);

    /// Says, once, that children inherit our stderr by choice: a flag that was forgotten shows in
    /// nothing else.
    void tell_inherit(const std::string& why);

    /// Goes on reading until EOF or the host's end.
    void follow(followed_channel what);

  private:
    host_state(settings::settings with, const host_options& options);
    void let_go_of_ended();

    const settings::settings settings_;
    const int stderr_fd_;
    observer* const watch_;
    forward::forwarder forwarder_;
    std::mutex selecting_;  // of the loader and the pool; held while backends are loaded and opened
    loader::loader loader_;
    channel::backend_pool pool_;
    std::atomic<bool> told_inherit_{false};
    std::mutex following_;
    std::list<followed_channel> followed_;
};

class host_access {
  public:
    static const std::shared_ptr<host_state>& state(const host& of) noexcept { return of.state_; }
};

}  // namespace fd2
