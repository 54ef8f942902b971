#include "forward/forwarder.hpp"

#include <utility>

#include "forward/core.hpp"
#include "forward/posix/sigpipe.hpp"

namespace fd2::forward {

stream::stream(std::shared_ptr<core> hub, std::shared_ptr<stream_state> state) noexcept
    : core_(std::move(hub)), state_(std::move(state)) {}

stream::~stream() {
    core_->detach(state_);
}

verdict stream::offer(const std::uint8_t* data, std::size_t size) noexcept {
    return core_->offer(state_, data, size);
}

void stream::finishing() noexcept {
    core_->finishing(state_);
}

bool stream::flush(nanoseconds_t deadline) noexcept {
    return core_->flush(state_, deadline);
}

bool stream::flush_then(std::function<void()> done) noexcept {
    return core_->flush_then(state_, std::move(done));
}

void stream::abandon() noexcept {
    core_->abandon(state_);
}

counters stream::look() const noexcept {
    return core_->look(state_);
}

forwarder::forwarder(int fd, options chosen, observer* watcher)
    : core_(std::make_shared<core>(fd, std::move(chosen), watcher)) {}

forwarder::~forwarder() {
    const sigpipe_blocked here;
    core_->close();
}

std::unique_ptr<stream> forwarder::open(std::function<void()> on_room) {
    return std::unique_ptr<stream>(new stream(core_, core_->open(std::move(on_room))));
}

bool forwarder::note(std::string_view text) noexcept {
    const sigpipe_blocked here;
    return core_->note(text);
}

bool forwarder::flush(nanoseconds_t deadline) noexcept {
    return core_->flush_all(deadline);
}

int forwarder::failed() const noexcept {
    return core_->failed();
}

std::string_view forwarder::way() const noexcept {
    return core_->way();
}

bool forwarder::terminal() const noexcept {
    return core_->terminal();
}

}  // namespace fd2::forward
