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
/// outstanding receive ends with `operation_aborted`. If the execution context is destroyed first,
/// it destroys the handler of a receive. [one thread at a time]
class async_stderr_lines {
  public:
    using executor_type = boost::asio::any_io_executor;

    async_stderr_lines(const executor_type& ex, stderr_lines source)
        : state_(std::make_shared<state>(ex, std::move(source))) {}
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
    /// One receive at a time; a second one fails with `already_started`. Cancelling loses no line.
    template <class Token>
    auto async_receive(Token&& token) {
        return boost::asio::async_initiate<Token, void(boost::system::error_code, stderr_line)>(
            [shared = state_](auto handler) { shared->receive(std::move(handler)); }, token);
    }

    std::optional<stderr_line> poll() { return state_->poll(); }
    /// As stderr_lines::poll_block: after a receive, what came together with its line.
    stderr_block poll_block() { return state_->poll_block(); }
    std::uint64_t sent() const noexcept { return state_->lines.sent(); }
    std::uint64_t dropped() const noexcept { return state_->lines.dropped(); }
    std::uint64_t filtered() const noexcept { return state_->lines.filtered(); }
    std::uint64_t first() const noexcept { return state_->lines.first(); }

  private:
    using pending = detail::pending_handler<stderr_line>;

    struct state final : detail::context_object, std::enable_shared_from_this<state> {
        state(const executor_type& ex, stderr_lines source)
            : executor(ex), lines(std::move(source)) {
            join_context(ex);
        }
        ~state() { leave_context(); }

        template <class Handler>
        void receive(Handler handler) {
            detail::pending_operations one;
            one.push_back(std::make_unique<pending>(std::move(handler), executor));
            auto slot = boost::asio::get_associated_cancellation_slot(front(one).handler);
            if (slot.is_connected()) {
                slot.assign([me = this->weak_from_this(),
                             which = &front(one)](boost::asio::cancellation_type) {
                    if (const auto kept = me.lock()) kept->cancel(which);
                });
            }
            wait(std::move(one));
        }

        void wait(detail::pending_operations one) {
            std::unique_lock lock(mutex);
            if (shut) return;  // destroyed, as everything that the context has
            if (!waiting.empty()) {
                lock.unlock();
                front(one).complete(boost::asio::error::already_started, {});
                return;
            }
            waiting.swap(one);
            // Not called while the lock is held: a line that is there already is answered by false.
            const bool later = lines.notify([me = this->weak_from_this()] {
                if (const auto kept = me.lock()) arrived(kept);
            });
            if (later) return;
            answer(lock);
        }

        /// On the thread that brings the line: it only passes that on. Under the lock, because the
        /// context may be about to go.
        static void arrived(const std::shared_ptr<state>& me) {
            const std::lock_guard lock(me->mutex);
            if (me->waiting.empty()) return;
            try {
                boost::asio::post(me->executor, [me] {
                    std::unique_lock again(me->mutex);
                    me->answer(again);
                });
            } catch (const std::bad_alloc&) {
                // It waits on, until it is cancelled.
            }
        }

        void answer(std::unique_lock<std::mutex>& lock) {
            if (waiting.empty()) return;
            std::optional<stderr_line> line = lines.poll();
            const bool over = !line && lines.finished();
            detail::pending_operations one;
            one.swap(waiting);
            lock.unlock();
            if (line) {
                front(one).complete({}, std::move(*line));
            } else if (over) {
                front(one).complete(boost::asio::error::eof, {});
            } else {
                wait(std::move(one));
            }
        }

        /// `which` is compared only: of a late signal it may be gone.
        void cancel(const pending* which) {
            detail::pending_operations one;
            {
                const std::lock_guard lock(mutex);
                if (waiting.empty() || &front(waiting) != which) return;
                one.swap(waiting);
                lines.notify({});
            }
            front(one).complete(boost::asio::error::operation_aborted, {});
        }

        std::optional<stderr_line> poll() {
            const std::lock_guard lock(mutex);
            return lines.poll();
        }

        stderr_block poll_block() {
            const std::lock_guard lock(mutex);
            return lines.poll_block();
        }

        void close() {
            detail::pending_operations one;
            stderr_lines gone;
            {
                const std::lock_guard lock(mutex);
                one.swap(waiting);
                gone = std::move(lines);
            }
            // Without the lock: this waits for a delivery that is under way, which may want it.
            gone = stderr_lines();
            if (!one.empty()) front(one).complete(boost::asio::error::operation_aborted, {});
        }

        void shut_down(detail::pending_operations& handlers) noexcept override {
            const std::lock_guard lock(mutex);
            shut = true;
            handlers.splice(handlers.end(), waiting);
            executor = executor_type();  // a strand is the context's
        }

        static pending& front(const detail::pending_operations& operations) {
            return static_cast<pending&>(*operations.front());
        }

        executor_type executor;
        std::mutex mutex;  // of all below
        stderr_lines lines;
        detail::pending_operations waiting;  // one at most
        bool shut = false;                   // the context is going
    };

    std::shared_ptr<state> state_;
};

}  // namespace fd2
