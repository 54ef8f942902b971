// What a channel is made with, and the words of its control.
#pragma once

#include <fd2/abi.h>
#include <fd2/observer.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>

#include "base/flow.hpp"
#include "capture/capture.hpp"

namespace fd2::channel {

/// Where the bytes go after the capture has them: the forwarder, as far as a channel knows it.
/// [drain]
class byte_consumer {
  public:
    virtual ~byte_consumer() = default;
    /// Takes all of it, in bounded time. After flow::pause nothing comes until `channel::resume`.
    virtual flow offer(const std::uint8_t* data, std::size_t size) noexcept = 0;
};

/// Who asked for a pause and must call `resume` for it to end.
enum class pause_source : std::uint32_t { bytes = 1, lines = 2 };

enum class finish_mode : std::int32_t { drain = FD2_FINISH_DRAIN, now = FD2_FINISH_NOW };

/// What a channel is made with. What is pointed to outlives the channel.
struct channel_setup {
    capture::capture::limits limits;
    byte_consumer* bytes = nullptr;  ///< may be null
    /// Called after the last byte was captured [drain], and where the loop is to look at
    /// `wants_to_move` [any thread]; must not block.
    std::function<void()> bell;
    /// The caller's loop drives the channel, if the backend can (fd2.pollable/1): see `watched`.
    bool polled = false;
    observer* watch = nullptr;
};

}  // namespace fd2::channel
