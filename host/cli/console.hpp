// fd2's own messages on the console, and the log where one is configured.
#pragma once

#include <fd2/observer.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "base/result.hpp"
#include "forward/forwarder.hpp"
#include "logging/log.hpp"
#include "settings/settings.hpp"

namespace fd2::cli {

/// The observer of `fd2 run`. It writes straight to the forwarder, so that no message waits for the
/// log behind a command's lines; without a log file and syslog nothing of the logging library is
/// started: that would be felt at every start of an ssh. On a terminal messages are wrapped at its
/// width.
class console final : public observer {
  public:
    explicit console(std::optional<severity> level) : level_(level) {}

    /// Where messages go from now on; before that they are dropped. Outlives this object.
    void attach(forward::forwarder* out) noexcept {
        forwarder_.store(out, std::memory_order_release);
    }

    /// Starts the log that `config` asks for, if any. `max_line` is the longest piece of a line
    /// that comes, in bytes.
    status open_log(const settings::log_settings& config, std::size_t max_line);

    logging::log* log() noexcept { return log_.get(); }

    /// Ends the log, whose last messages go to the console: before the forwarder's end.
    void close_log() noexcept {
        if (log_) log_->close();  // it stays: other threads may be in on_event
    }

    void on_event(const event& what) noexcept override;

    /// The same whatever the console's level, unless it is off.
    void announce(const event& what) noexcept;

    /// Why we end: "fd2: MESSAGE", on the console whatever its level.
    void last_words(std::string_view message) noexcept;

  private:
    void write(std::string_view line) noexcept;
    void show(const event& what) noexcept;
    void print(const event& what) noexcept;
    void print(std::string line, std::string_view message);  ///< `line`: how it begins

    std::optional<severity> level_;
    std::atomic<forward::forwarder*> forwarder_{nullptr};
    std::unique_ptr<logging::log> log_;
};

}  // namespace fd2::cli
