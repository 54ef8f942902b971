// A channel's bytes on their way to our own stderr.
#pragma once

#include <functional>
#include <memory>
#include <mutex>

#include "channel/channel.hpp"
#include "forward/forwarder.hpp"
#include "settings/settings.hpp"

namespace fd2::transport {

/// How the settings want our own stderr written. `patience` is that of forward::options.
forward::options forward_options(const settings::forward_settings& with, nanoseconds_t patience);

/// Carries a channel's bytes to the forwarder, and its room back.
class forwarding final : public channel::byte_consumer {
  public:
    explicit forwarding(forward::forwarder& to);

    /// What is called when there is room again, by the forwarder's thread: set before the channel's
    /// first byte, emptied before what it refers to goes. It must neither block nor throw.
    void attach(std::function<void()> on_room);

    bool offer(const std::uint8_t* data, std::size_t size) noexcept override;
    forward::stream& stream() noexcept { return *stream_; }

  private:
    std::mutex mutex_;  // held while `on_room_` is called
    std::function<void()> on_room_;
    std::unique_ptr<forward::stream> stream_;
};

}  // namespace fd2::transport
