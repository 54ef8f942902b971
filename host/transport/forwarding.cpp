#include "transport/forwarding.hpp"

#include <utility>

namespace fd2::transport {

namespace {

forward::mode mode_of(settings::forward_mode mode) {
    switch (mode) {
        case settings::forward_mode::raw:
            return forward::mode::raw;
        case settings::forward_mode::lines:
            return forward::mode::lines;
        case settings::forward_mode::lossy:
            return forward::mode::lossy;
        case settings::forward_mode::off:
            return forward::mode::off;
    }
    return forward::mode::raw;
}

forward::when_blocked policy_of(settings::blocked_policy policy) {
    switch (policy) {
        case settings::blocked_policy::automatic:
            return forward::when_blocked::automatic;
        case settings::blocked_policy::wait:
            return forward::when_blocked::wait;
        case settings::blocked_policy::drop:
            return forward::when_blocked::drop;
    }
    return forward::when_blocked::automatic;
}

}  // namespace

forward::options forward_options(const settings::forward_settings& with, nanoseconds_t patience) {
    forward::options out;
    out.how = mode_of(with.mode);
    out.blocked = policy_of(with.when_blocked);
    out.buffer = static_cast<std::size_t>(with.buffer);
    out.stall = with.stall;
    out.prefix = with.prefix;
    out.patience = patience;
    out.fresh_notes = true;
    return out;
}

forwarding::forwarding(forward::forwarder& to)
    : stream_(to.open([this] {
          const std::lock_guard lock(mutex_);
          if (on_room_) on_room_();
      })) {}

void forwarding::attach(std::function<void()> on_room) {
    const std::lock_guard lock(mutex_);
    on_room_ = std::move(on_room);
}

bool forwarding::offer(const std::uint8_t* data, std::size_t size) noexcept {
    return stream_->offer(data, size) == forward::verdict::full;
}

}  // namespace fd2::transport
