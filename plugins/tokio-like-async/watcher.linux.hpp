// Waits in a loop for a channel's read end. Include from the source file that holds the kit.
#pragma once

#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <system_error>

#include "fd2/plugin.hpp"

namespace fd2::tokio_like_async {

class watcher {
  public:
    explicit watcher(boost::asio::io_context& context) : descriptor_(context) {}

    /// Registers the read end. Throws where that fails.
    void watch(const fd2_drain_spec& spec) {
        if (!descriptor_.is_open()) descriptor_.assign(static_cast<int>(spec.read_end));
    }

    /// Ends the wait, and takes the read end out of the loop; it stays open.
    void unwatch() noexcept {
        if (descriptor_.is_open()) (void)descriptor_.release();
    }

    /// Calls `ready` once, with whether the wait failed: Asio took the descriptor, but epoll did
    /// not.
    template <class Handler>
    void wait(Handler ready) {
        descriptor_.async_wait(descriptor_.wait_read,
                               [ready](const boost::system::error_code& failed) {
                                   ready(failed && failed != boost::asio::error::operation_aborted);
                               });
    }

  private:
    // By its own executor, without a type-erased one: a channel's share of memory is mostly this.
    boost::asio::posix::basic_stream_descriptor<boost::asio::io_context::executor_type> descriptor_;
};

/// As errno.
inline int number_of(const std::error_code& failure) noexcept {
    return failure.value();
}

}  // namespace fd2::tokio_like_async
