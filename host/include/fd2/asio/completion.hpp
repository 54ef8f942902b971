// Handlers that wait for something which is no I/O of Asio's. No part of the interface.
#pragma once

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/append.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <boost/asio/query.hpp>
#include <boost/system/error_code.hpp>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <system_error>
#include <utility>

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

/// A handler of whatever signature, as far as destroying it goes.
struct pending_operation {
    virtual ~pending_operation() = default;
};
using pending_operations = std::list<std::unique_ptr<pending_operation>>;

/// A handler of `void(error_code, Value)`, whose executor's work is counted until it is called.
template <class Value>
struct pending_handler final : pending_operation {
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

class context_object;

/// The objects of ours that have handlers on one execution context.
///
/// A handler may own the object that it waits for: a coroutine frame with a transport in it, a
/// callback with a shared_ptr to one. Kept by that object alone the two would keep each other for
/// ever once nothing runs any more. So the handlers belong to the context, as those of Asio's own
/// I/O objects do: its shutdown takes them out of the objects and destroys them.
class context_objects {
  public:
    /// False: the context has shut down.
    bool add(context_object& one) noexcept;
    void remove(context_object& one) noexcept;
    void shut_down() noexcept;

  private:
    std::mutex mutex_;
    context_object* first_ = nullptr;
    bool shut_ = false;
};

class context_service final : public asio::execution_context::service {
  public:
    using key_type = context_service;
    static inline asio::execution_context::id id;

    explicit context_service(asio::execution_context& context)
        : service(context), objects_(std::make_shared<context_objects>()) {}

    const std::shared_ptr<context_objects>& objects() const noexcept { return objects_; }

  private:
    void shutdown() override { objects_->shut_down(); }

    // Shared with the objects: one may die after its context, as long as it has no I/O there.
    const std::shared_ptr<context_objects> objects_;
};

/// Base of what keeps handlers. A derived class calls `join_context` when it is complete, and
/// `leave_context` first thing in its destructor.
class context_object {
  public:
    context_object(const context_object&) = delete;
    context_object& operator=(const context_object&) = delete;

  protected:
    context_object() = default;
    virtual ~context_object() = default;

    /// A context ends its services in the opposite order of their making. So this comes after the
    /// I/O objects of the derived class: theirs still take what a handler's destructor wants then.
    void join_context(const asio::any_io_executor& ex) {
        auto& context = asio::query(ex, asio::execution::context);
        objects_ = asio::use_service<context_service>(context).objects();
        pending_operations none;
        if (!objects_->add(*this)) shut_down(none);
    }
    void leave_context() noexcept {
        if (objects_) objects_->remove(*this);
    }

    /// The context shuts down. From its return on no thread posts to it on this object's behalf,
    /// and no handler is kept: those that are go into `handlers`. Called under a lock: it must not
    /// run anything of the program's.
    virtual void shut_down(pending_operations& handlers) noexcept = 0;

  private:
    friend class context_objects;
    std::shared_ptr<context_objects> objects_;
    context_object* next_ = nullptr;
    context_object* previous_ = nullptr;
    bool linked_ = false;
};

inline bool context_objects::add(context_object& one) noexcept {
    const std::lock_guard lock(mutex_);
    if (shut_) return false;
    one.next_ = first_;
    if (first_) first_->previous_ = &one;
    first_ = &one;
    one.linked_ = true;
    return true;
}

inline void context_objects::remove(context_object& one) noexcept {
    const std::lock_guard lock(mutex_);
    if (!one.linked_) return;
    (one.previous_ ? one.previous_->next_ : first_) = one.next_;
    if (one.next_) one.next_->previous_ = one.previous_;
    one.linked_ = false;
}

inline void context_objects::shut_down() noexcept {
    for (;;) {
        pending_operations doomed;  // destroyed without the lock: they may own further objects
        const std::lock_guard lock(mutex_);
        shut_ = true;
        context_object* const one = first_;
        if (!one) return;
        first_ = one->next_;
        if (first_) first_->previous_ = nullptr;
        one->linked_ = false;
        one->shut_down(doomed);
    }
}

}  // namespace fd2::detail
