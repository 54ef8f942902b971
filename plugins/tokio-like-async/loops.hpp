// The loops of an instance, and how a channel starts on one. Include from the source file that
// holds the kit, after the `watcher` of its platform.
#pragma once

#include <algorithm>
#include <boost/system/system_error.hpp>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <system_error>
#include <vector>

#include "loop.hpp"
#include "task.hpp"

namespace fd2::tokio_like_async {

class loops {
  public:
    /// One of up to `threads` loops, each in its turn; made when first needed.
    channel_loop& next(std::size_t threads) {
        const std::lock_guard lock(mutex_);
        const std::size_t index = turn_++ % threads;
        if (index >= all_.size()) all_.push_back(std::make_unique<channel_loop>());
        return *all_[std::min(index, all_.size() - 1)];
    }

  private:
    std::mutex mutex_;
    std::vector<std::unique_ptr<channel_loop>> all_;  // grows at a start, never shrinks
    std::size_t turn_ = 0;
};

/// The errno of what Asio, a thread's making or the allocator threw.
inline int reason_of_current_exception() {
    try {
        throw;
    } catch (const boost::system::system_error& failure) {
        return failure.code().value();
    } catch (const std::system_error& failure) {
        return number_of(failure.code());
    } catch (const std::bad_alloc&) {
        return FD2_DRAIN_NO_MEMORY;
    }
}

/// Starts the channel on one of `own`, of which there are up to spec.own.
inline std::int32_t start_on(loops& own, fd2_channel* channel, const char* name, fd2_error* error) {
    if (!fd2_drain_is_open(channel)) return fd2_fail(error, FD2_E_STATE, 0, "start", "not open");
    std::optional<task> made;
    try {
        channel_loop& loop = own.next(channel->spec.own);
        made = drive(loop, channel);
        (**made).watch(channel->spec);
        const std::int32_t code = fd2_drain_start_on(channel, &loop.face(), &**made, error);
        if (code == FD2_OK) return code;
        (**made).disarm();
        made->destroy();
        return code;
    } catch (...) {
        if (made) made->destroy();
        const int reason = reason_of_current_exception();
        return fd2_fail(error, fd2_code_of_errno(reason), reason, "event loop", name);
    }
}

}  // namespace fd2::tokio_like_async
