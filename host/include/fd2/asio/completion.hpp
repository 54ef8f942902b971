// Handlers that wait for something which is no I/O of Asio's. No part of the interface.
#pragma once

#include <algorithm>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/append.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/system/error_code.hpp>
#include <memory>
#include <mutex>
#include <system_error>
#include <utility>
#include <vector>

namespace fd2::detail {

namespace asio = boost::asio;
using boost::system::error_code;

/// As Asio has it: an errno is in the system's category.
inline error_code boost_code(const std::error_code& code) {
    if (code.category() == std::generic_category()) {
        return {code.value(), boost::system::system_category()};
    }
    return code;
}

/// A handler of `void(error_code, Value)`, whose executor's work is counted until it is called.
template <class Value>
struct pending_handler {
    using handler_type = asio::any_completion_handler<void(error_code, Value)>;

    template <class Handler>
    pending_handler(Handler wanted, const asio::any_io_executor& io)
        : io_executor(io),
          work(asio::prefer(asio::any_io_executor(asio::get_associated_executor(wanted, io)),
                            asio::execution::outstanding_work.tracked)),
          handler(std::move(wanted)) {}

    /// Never calls the handler from in here, but through the I/O executor, as Asio's own operations
    /// do. Once.
    void complete(error_code failed, Value value) {
        asio::post(io_executor, asio::append(std::move(handler), failed, std::move(value)));
        work = asio::any_io_executor();
    }

    asio::any_io_executor io_executor;
    asio::any_io_executor work;
    handler_type handler;
};

/// Any number of handlers that wait for the same. [any thread]
template <class Value>
class waiting_room : public std::enable_shared_from_this<waiting_room<Value>> {
  public:
    using pending = pending_handler<Value>;

    template <class Handler>
    void add(Handler handler, const asio::any_io_executor& otherwise) {
        auto one = std::make_shared<pending>(std::move(handler), otherwise);
        auto slot = asio::get_associated_cancellation_slot(one->handler);
        if (slot.is_connected()) {
            // A late signal finds nothing.
            slot.assign([room = this->weak_from_this(),
                         which = std::weak_ptr<pending>(one)](asio::cancellation_type) {
                const auto kept = room.lock();
                const auto handler_kept = which.lock();
                if (kept && handler_kept) kept->cancel(handler_kept);
            });
        }
        const std::lock_guard lock(mutex_);
        waiting_.push_back(std::move(one));
    }

    void complete_all(error_code failed, const Value& value) {
        std::vector<std::shared_ptr<pending>> all;
        {
            const std::lock_guard lock(mutex_);
            all.swap(waiting_);
        }
        for (const auto& one : all) one->complete(failed, value);
    }

  private:
    void cancel(const std::shared_ptr<pending>& which) {
        {
            const std::lock_guard lock(mutex_);
            const auto found = std::find(waiting_.begin(), waiting_.end(), which);
            if (found == waiting_.end()) return;
            waiting_.erase(found);
        }
        which->complete(asio::error::operation_aborted, Value{});
    }

    std::mutex mutex_;
    std::vector<std::shared_ptr<pending>> waiting_;
};

}  // namespace fd2::detail
