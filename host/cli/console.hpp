// fd2's own messages on the console, and the log where one is configured.
#pragma once

#include <fd2/observer.hpp>

#include <atomic>
#include <memory>
#include <optional>

#include "base/result.hpp"
#include "forward/forwarder.hpp"
#include "logging/log_service.hpp"
#include "settings/settings.hpp"

namespace fd2::cli {

/// The observer of `fd2 run`. Without a log file and syslog it writes straight to the forwarder,
/// and nothing of the logging library is started: that would be felt at every start of an ssh.
class console final : public observer {
  public:
    explicit console(std::optional<severity> level) : level_(level) {}

    /// Where messages go from now on; before that they are dropped. Outlives this object.
    void attach(forward::forwarder* to) noexcept { to_.store(to, std::memory_order_release); }

    /// Starts the log that `with` asks for, if any. `max_line` is the longest piece of a line that
    /// comes, in bytes.
    status open_log(const settings::log_settings& with, std::size_t max_line);

    logging::log_service* log() noexcept { return log_.get(); }

    void on_event(const event& what) noexcept override;

  private:
    bool write(std::string_view line) noexcept;

    std::optional<severity> level_;
    std::atomic<forward::forwarder*> to_{nullptr};
    std::unique_ptr<logging::log_service> log_;
};

}  // namespace fd2::cli
