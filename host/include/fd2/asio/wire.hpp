// The wire as streams of Asio: AsyncWriteStream and AsyncReadStream.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/append.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <cstddef>
#include <memory>
#include <utility>

#include "fd2/wire.hpp"

namespace fd2 {

namespace detail {

/// Base of both ends of the wire: a descriptor that this object owns, on an executor.
class async_wire_end {
  public:
    using executor_type = boost::asio::any_io_executor;

    executor_type get_executor() const noexcept { return executor_; }

    /// Outstanding operations end with `operation_aborted`. Idempotent.
    void close() noexcept {
        boost::system::error_code ignored;
        if (stream_) stream_->close(ignored);
    }
    bool is_open() const noexcept { return stream_ && stream_->is_open(); }
    void cancel() noexcept {
        boost::system::error_code ignored;
        if (stream_) stream_->cancel(ignored);
    }
    /// The descriptor, still ours; -1 when closed.
    int native_handle() noexcept { return stream_ ? stream_->native_handle() : -1; }

  protected:
    using stream = boost::asio::posix::stream_descriptor;

    template <class End>
    async_wire_end(const executor_type& ex, End wire, boost::system::error_code& failed)
        : executor_(ex), stream_(std::make_shared<stream>(ex)) {
        failed.clear();
        if (!wire.is_open()) return;
        stream_->assign(wire.native_handle(), failed);
        if (!failed) wire.release();
    }
    async_wire_end(async_wire_end&&) noexcept = default;
    async_wire_end& operator=(async_wire_end&& other) noexcept {
        if (this != &other) {
            close();
            executor_ = std::move(other.executor_);
            stream_ = std::move(other.stream_);
        }
        return *this;
    }
    ~async_wire_end() { close(); }

    static void throw_if(const boost::system::error_code& failed) {
        if (failed) throw boost::system::system_error(failed);
    }

    executor_type executor_;
    /// Shared with operations, because this end may be moved, closed or destroyed after the
    /// descriptor became ready and before the handler runs. Null: moved from.
    std::shared_ptr<stream> stream_;
};

}  // namespace detail

/// To the child's stdin, which ends when this is closed. Writing never raises SIGPIPE; if the child
/// no longer reads, it fails with `broken_pipe`. At most one write at a time. The destructor
/// closes; an outstanding write ends with `operation_aborted`, and has written nothing. Movable at
/// any time. [one thread at a time]
class async_wire_writer : public detail::async_wire_end {
  public:
    /// The first form throws boost::system::system_error if the loop cannot watch the descriptor,
    /// which is then closed.
    async_wire_writer(const executor_type& ex, wire_writer wire)
        : async_wire_writer(ex, std::move(wire), boost::system::error_code()) {}
    async_wire_writer(const executor_type& ex, wire_writer wire, boost::system::error_code& failed)
        : async_wire_end(ex, std::move(wire), failed) {}

    /// `void(error_code, std::size_t)`.
    template <class ConstBufferSequence, class Token>
    auto async_write_some(const ConstBufferSequence& buffers, Token&& token) {
        return boost::asio::async_compose<Token, void(boost::system::error_code, std::size_t)>(
            write_some<ConstBufferSequence>{stream_, buffers}, token, executor_);
    }

  private:
    async_wire_writer(const executor_type& ex, wire_writer wire, boost::system::error_code&& failed)
        : async_wire_end(ex, std::move(wire), failed) {
        throw_if(failed);
    }

    template <class Buffers>
    struct write_some {
        std::shared_ptr<stream> wire;
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
            const bool open = wire && wire->is_open();
            if (at == first) {
                // Nothing is written while it waits, so that it can be cancelled without a trace.
                self.reset_cancellation_state(boost::asio::enable_total_cancellation());
                if (!open) failed = boost::asio::error::bad_descriptor;
            } else {
                const bool gone = !open || self.cancelled() != boost::asio::cancellation_type::none;
                failed = why;
                if (!failed && gone) failed = boost::asio::error::operation_aborted;
            }
            if (!failed && !try_once()) {
                at = waiting;
                stream& target = *wire;
                target.async_wait(stream::wait_write, std::move(self));
                return;
            }
            if (at == waiting) {
                self.complete(failed, written);
                return;
            }
            // Never from inside the function that began it.
            at = done;
            boost::asio::post(self.get_io_executor(), std::move(self));
        }

        /// False: no room yet. One buffer of the sequence: a write(2) takes what it takes.
        bool try_once() {
            boost::asio::const_buffer piece;
            for (auto it = boost::asio::buffer_sequence_begin(buffers);
                 it != boost::asio::buffer_sequence_end(buffers) && piece.size() == 0; ++it) {
                piece = *it;
            }
            if (piece.size() == 0) return true;
            for (;;) {
                const std::ptrdiff_t n =
                    write_quietly(wire->native_handle(), piece.data(), piece.size());
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

/// From the child's stdout; at EOF `boost::asio::error::eof`. Otherwise as async_wire_writer.
class async_wire_reader : public detail::async_wire_end {
  public:
    async_wire_reader(const executor_type& ex, wire_reader wire)
        : async_wire_reader(ex, std::move(wire), boost::system::error_code()) {}
    async_wire_reader(const executor_type& ex, wire_reader wire, boost::system::error_code& failed)
        : async_wire_end(ex, std::move(wire), failed) {}

    /// `void(error_code, std::size_t)`.
    template <class MutableBufferSequence, class Token>
    auto async_read_some(const MutableBufferSequence& buffers, Token&& token) {
        return boost::asio::async_compose<Token, void(boost::system::error_code, std::size_t)>(
            read_some<MutableBufferSequence>{stream_, buffers}, token, executor_);
    }

  private:
    async_wire_reader(const executor_type& ex, wire_reader wire, boost::system::error_code&& failed)
        : async_wire_end(ex, std::move(wire), failed) {
        throw_if(failed);
    }

    template <class Buffers>
    struct read_some {
        std::shared_ptr<stream> wire;
        Buffers buffers;
        bool asked = false;

        template <class Self>
        void operator()(Self& self, boost::system::error_code failed = {}, std::size_t got = 0) {
            if (asked) {
                self.complete(failed, got);
                return;
            }
            asked = true;
            if (!wire) {
                const boost::system::error_code moved_from = boost::asio::error::bad_descriptor;
                boost::asio::post(self.get_io_executor(),
                                  boost::asio::append(std::move(self), moved_from, std::size_t(0)));
                return;
            }
            self.reset_cancellation_state(boost::asio::enable_total_cancellation());
            stream& target = *wire;
            target.async_read_some(Buffers(buffers), std::move(self));
        }
    };
};

}  // namespace fd2
