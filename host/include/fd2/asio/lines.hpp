// A subscription to a child's stderr, received asynchronously.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/dispatch.hpp>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include "fd2/asio/completion.hpp"
#include "fd2/stderr_lines.hpp"

namespace fd2 {

/// The queue of stderr_lines for an executor. Movable. The destructor ends the subscription; an
/// outstanding receive ends with `operation_aborted`. [one thread at a time]
class async_stderr_lines {
  public:
    using executor_type = boost::asio::any_io_executor;

    async_stderr_lines(const executor_type& on, stderr_lines from)
        : state_(std::make_shared<state>(on, std::move(from))) {}
    async_stderr_lines(async_stderr_lines&&) noexcept = default;
    async_stderr_lines& operator=(async_stderr_lines&& other) noexcept {
        if (this != &other) {
            if (state_) state_->close();
            state_ = std::move(other.state_);
        }
        return *this;
    }
    ~async_stderr_lines() {
        if (state_) state_->close();
    }

    executor_type get_executor() const noexcept { return state_->executor; }

    /// The next line: `void(error_code, stderr_line)`. `eof`: none is left and none will come.
    /// One at a time: another one meanwhile is `already_started`. Cancelling loses no line.
    template <class Token>
    auto async_receive(Token&& token) {
        return boost::asio::async_initiate<Token, void(boost::system::error_code, stderr_line)>(
            [to = state_](auto handler) { to->receive(std::move(handler)); }, token);
    }

    std::optional<stderr_line> poll() { return state_->poll(); }
    std::uint64_t sent() const noexcept { return state_->lines.sent(); }
    std::uint64_t dropped() const noexcept { return state_->lines.dropped(); }
    std::uint64_t filtered() const noexcept { return state_->lines.filtered(); }
    std::uint64_t first() const noexcept { return state_->lines.first(); }

  private:
    using pending = detail::pending_handler<stderr_line>;

    struct state : std::enable_shared_from_this<state> {
        state(const executor_type& on, stderr_lines from) : executor(on), lines(std::move(from)) {}

        template <class Handler>
        void receive(Handler handler) {
            auto one = std::make_shared<pending>(std::move(handler), executor);
            auto slot = boost::asio::get_associated_cancellation_slot(one->handler);
            if (slot.is_connected()) {
                slot.assign([me = this->weak_from_this(),
                             which = std::weak_ptr<pending>(one)](boost::asio::cancellation_type) {
                    const auto kept = me.lock();
                    if (kept) kept->cancel(which.lock());
                });
            }
            wait(std::move(one));
        }

        void wait(std::shared_ptr<pending> one) {
            std::unique_lock lock(mutex);
            if (waiting) {
                lock.unlock();
                one->complete(boost::asio::error::already_started, {});
                return;
            }
            waiting = one;
            // Not called while the lock is held: a line that is there already is answered by false.
            const bool later = lines.notify([me = this->weak_from_this()] {
                if (const auto kept = me.lock()) kept->arrived();
            });
            if (later) return;
            answer(lock);
        }

        /// On the thread that reads the child's stderr: it only passes the word on.
        void arrived() {
            try {
                boost::asio::post(executor, [me = this->shared_from_this()] {
                    std::unique_lock lock(me->mutex);
                    me->answer(lock);
                });
            } catch (const std::bad_alloc&) {
                // The next line brings another word.
            }
        }

        void answer(std::unique_lock<std::mutex>& lock) {
            if (!waiting) return;
            std::optional<stderr_line> line = lines.poll();
            const bool over = !line && lines.finished();
            std::shared_ptr<pending> one = std::exchange(waiting, nullptr);
            lock.unlock();
            if (line) {
                one->complete({}, std::move(*line));
            } else if (over) {
                one->complete(boost::asio::error::eof, {});
            } else {
                wait(std::move(one));
            }
        }

        void cancel(const std::shared_ptr<pending>& which) {
            {
                const std::lock_guard lock(mutex);
                if (!which || waiting != which) return;
                waiting.reset();
                lines.notify({});
            }
            which->complete(boost::asio::error::operation_aborted, {});
        }

        std::optional<stderr_line> poll() {
            const std::lock_guard lock(mutex);
            return lines.poll();
        }

        void close() {
            std::shared_ptr<pending> one;
            {
                const std::lock_guard lock(mutex);
                one = std::exchange(waiting, nullptr);
                lines = stderr_lines();
            }
            if (one) one->complete(boost::asio::error::operation_aborted, {});
        }

        executor_type executor;
        std::mutex mutex;  // of both below
        stderr_lines lines;
        std::shared_ptr<pending> waiting;
    };

    std::shared_ptr<state> state_;
};

}  // namespace fd2
