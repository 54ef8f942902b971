// The wire as streams of Asio: AsyncWriteStream and AsyncReadStream.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>
#include <cerrno>
#include <cstddef>
#include <utility>

#include "fd2/wire.hpp"

namespace fd2 {

namespace detail {

/// What both ends of the wire are: a descriptor that this object owns, on an executor.
class async_wire_end {
  public:
    using executor_type = boost::asio::any_io_executor;

    executor_type get_executor() noexcept { return stream_.get_executor(); }

    /// What is outstanding ends with `operation_aborted`. Idempotent.
    void close() noexcept {
        boost::system::error_code ignored;
        stream_.close(ignored);
    }
    bool is_open() const noexcept { return stream_.is_open(); }
    void cancel() noexcept {
        boost::system::error_code ignored;
        stream_.cancel(ignored);
    }
    int native_handle() noexcept { return stream_.native_handle(); }

  protected:
    template <class End>
    async_wire_end(const executor_type& on, End from) : stream_(on) {
        if (from.is_open()) {
            stream_.assign(from.native_handle());
            from.release();
        }
    }

    boost::asio::posix::stream_descriptor stream_;
};

}  // namespace detail

/// To the child's stdin, which ends when this is closed. Writing never raises SIGPIPE; a child that
/// reads no more is `broken_pipe`. At most one write at a time. The destructor closes; what is
/// outstanding ends with `operation_aborted`. Movable while nothing is outstanding. [one thread at
/// a time]
class async_wire_writer : public detail::async_wire_end {
  public:
    async_wire_writer(const executor_type& on, wire_writer from)
        : async_wire_end(on, std::move(from)) {}

    /// `void(error_code, std::size_t)`.
    template <class ConstBufferSequence, class Token>
    auto async_write_some(const ConstBufferSequence& buffers, Token&& token) {
        return boost::asio::async_compose<Token, void(boost::system::error_code, std::size_t)>(
            write_some<ConstBufferSequence>{stream_, buffers}, token, stream_);
    }

  private:
    template <class Buffers>
    struct write_some {
        boost::asio::posix::stream_descriptor& stream;
        Buffers buffers;
        enum { first, waiting, done } at = first;
        boost::system::error_code failed = {};
        std::size_t written = 0;

        template <class Self>
        void operator()(Self& self, boost::system::error_code why = {}) {
            if (at == done) {
                self.complete(failed, written);
                return;
            }
            if (at == waiting) failed = why;
            if (!failed && !try_once()) {
                at = waiting;
                stream.async_wait(stream.wait_write, std::move(self));
                return;
            }
            if (at == waiting) {
                self.complete(failed, written);
                return;
            }
            // Never from inside the function that began it.
            at = done;
            boost::asio::post(stream.get_executor(), std::move(self));
        }

        /// False: no room yet. One buffer of the sequence: a write(2) takes what it takes.
        bool try_once() {
            if (!stream.is_open()) {
                failed = boost::asio::error::bad_descriptor;
                return true;
            }
            boost::asio::const_buffer piece;
            for (auto it = boost::asio::buffer_sequence_begin(buffers);
                 it != boost::asio::buffer_sequence_end(buffers) && piece.size() == 0; ++it) {
                piece = *it;
            }
            if (piece.size() == 0) return true;
            for (;;) {
                const std::ptrdiff_t n =
                    write_quietly(stream.native_handle(), piece.data(), piece.size());
                if (n >= 0) {
                    written = static_cast<std::size_t>(n);
                    return true;
                }
                if (errno == EINTR) continue;
                if (errno == EAGAIN || errno == EWOULDBLOCK) return false;
                failed.assign(errno, boost::system::system_category());
                return true;
            }
        }
    };
};

/// From the child's stdout; its end is `boost::asio::error::eof`. As async_wire_writer otherwise.
class async_wire_reader : public detail::async_wire_end {
  public:
    async_wire_reader(const executor_type& on, wire_reader from)
        : async_wire_end(on, std::move(from)) {}

    /// `void(error_code, std::size_t)`.
    template <class MutableBufferSequence, class Token>
    auto async_read_some(const MutableBufferSequence& buffers, Token&& token) {
        return stream_.async_read_some(buffers, std::forward<Token>(token));
    }
};

}  // namespace fd2
