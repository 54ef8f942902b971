// Waits in a loop for a channel's read end. Include from the source file that holds the kit.
#pragma once

#include <boost/asio/detail/win_iocp_io_context.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/windows/overlapped_ptr.hpp>
#include <boost/system/system_error.hpp>
#include <system_error>

#include "fd2/plugin.hpp"

namespace fd2::tokio_like_async {

/// By reads of no bytes at the loop's completion port, as Asio's own `async_wait` of a socket. Not
/// by a socket of Asio's, because that owns what it watches and cannot give it back: the read end
/// is the channel's, and outlives its task. There is no leaving of a port, and no need to.
class watcher {
  public:
    explicit watcher(boost::asio::io_context& context) : context_(context) {}

    /// Registers the read end. Throws where that fails.
    void watch(const fd2_drain_spec& spec) {
        if (end_ != nullptr) return;
        boost::system::error_code failed;
        const HANDLE end = fd2_drain_handle(spec.read_end);
        boost::asio::use_service<boost::asio::detail::win_iocp_io_context>(context_)
            .register_handle(end, failed);
        if (failed) throw boost::system::system_error(failed, "CreateIoCompletionPort");
        end_ = end;
        is_pipe_ = spec.medium == FD2_MEDIUM_PIPE;
    }

    /// Ends the wait.
    void unwatch() noexcept {
        if (waiting_ != nullptr) (void)CancelIoEx(end_, waiting_);
    }

    /// Calls `ready` once, with whether the wait failed.
    template <class Handler>
    void wait(Handler ready) {
        boost::asio::windows::overlapped_ptr operation(
            context_, [this, ready](const boost::system::error_code& failed, std::size_t) {
                waiting_ = nullptr;
                // That the other end has gone is for a turn to find.
                ready(failed && failed != boost::asio::error::operation_aborted &&
                      !fd2_drain_is_end(static_cast<DWORD>(failed.value())));
            });
        OVERLAPPED* const waiting = operation.get();
        const DWORD failed = is_pipe_ ? read_pipe(waiting) : read_socket(waiting);
        if (failed == 0 || failed == ERROR_IO_PENDING) {
            waiting_ = waiting;
            (void)operation.release();
        } else {
            const boost::system::error_code why(static_cast<int>(failed),
                                                boost::system::system_category());
            operation.complete(why, 0);
        }
    }

  private:
    DWORD read_pipe(OVERLAPPED* waiting) const noexcept {
        return ReadFile(end_, nothing_, 0, nullptr, waiting) ? 0 : GetLastError();
    }
    DWORD read_socket(OVERLAPPED* waiting) const noexcept {
        WSABUF none{0, nothing_};
        DWORD flags = 0;
        if (WSARecv(reinterpret_cast<SOCKET>(end_), &none, 1, nullptr, &flags, waiting, nullptr) ==
            0) {
            return 0;
        }
        return static_cast<DWORD>(WSAGetLastError());
    }

    static inline char nothing_[1] = {};

    boost::asio::io_context& context_;
    HANDLE end_ = nullptr;
    OVERLAPPED* waiting_ = nullptr;
    bool is_pipe_ = false;
};

/// As GetLastError: what std::thread throws is an errno, and means that it could not be made.
inline int number_of(const std::error_code& failure) noexcept {
    return failure.category() == std::system_category() ? failure.value()
                                                        : int{FD2_DRAIN_NO_MEMORY};
}

}  // namespace fd2::tokio_like_async
