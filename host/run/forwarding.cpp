#include "run/forwarding.hpp"

#include <utility>

namespace fd2::runs {

forward::options forward_options(const settings::forward_settings& config, nanoseconds_t patience) {
    forward::options out;
    out.how = config.mode;
    out.blocked = config.when_blocked;
    out.buffer = static_cast<std::size_t>(config.buffer);
    out.stall = config.stall;
    out.prefix = config.prefix;
    out.patience = patience;
    out.fresh_notes = true;
    return out;
}

forwarding::forwarding(forward::forwarder& out)
    : stream_(out.open([this] {
          const std::lock_guard lock(mutex_);
          if (resume_) resume_();
      })) {}

void forwarding::attach(std::function<void()> resume) {
    const std::lock_guard lock(mutex_);
    resume_ = std::move(resume);
}

flow forwarding::offer(const std::uint8_t* data, std::size_t size) noexcept {
    return stream_->offer(data, size);
}

}  // namespace fd2::runs
