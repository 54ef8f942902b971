// A channel's bytes on their way to our own stderr.
#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "channel/channel.hpp"
#include "forward/forwarder.hpp"
#include "settings/settings.hpp"

namespace fd2::runs {

/// How our own stderr is to be written, by the settings. `patience` is that of forward::options.
forward::options forward_options(const settings::forward_settings& config, nanoseconds_t patience);

/// Carries a channel's bytes to the forwarder, and the forwarder's `resume` back.
class forwarding final : public channel::byte_consumer {
  public:
    explicit forwarding(forward::forwarder& out);

    /// Called by the forwarder's thread once for each pause: set before the channel's first byte,
    /// emptied before what it refers to goes. It must neither block nor throw.
    void attach(std::function<void()> resume);

    flow offer(const std::uint8_t* data, std::size_t size) noexcept override;
    forward::stream& stream() noexcept { return *stream_; }

  private:
    std::mutex mutex_;  // held while `resume_` is called
    std::function<void()> resume_;
    std::unique_ptr<forward::stream> stream_;
};

}  // namespace fd2::runs
