// AsyncSshTransport: a child, its wire and its stderr, on the program's event loop.
#pragma once

#include <sys/types.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/system/system_error.hpp>
#include <chrono>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include "fd2/asio/completion.hpp"
#include "fd2/asio/lines.hpp"
#include "fd2/asio/wire.hpp"
#include "fd2/error.hpp"
#include "fd2/exit_report.hpp"
#include "fd2/host.hpp"
#include "fd2/loop_child.hpp"
#include "fd2/ssh_command.hpp"
#include "fd2/stop.hpp"

namespace fd2 {

namespace detail {

/// Drives one loop_child on one strand. Its outstanding operations keep it alive until the child
/// has been collected; if the execution context destroys them, the child is destroyed too.
class asio_driver final : public context_object, public std::enable_shared_from_this<asio_driver> {
  public:
    explicit asio_driver(const asio::any_io_executor& ex)
        : executor(ex),
          strand_(asio::make_strand(ex)),
          stderr_(strand_),
          exit_(strand_),
          timer_(strand_),
          bell_(std::make_shared<bell>()) {
        join_context(ex);
    }

    ~asio_driver() {
        leave_context();
        bell_->unhook();
        // The descriptors are the child's, which goes after them.
        release();
    }

    /// Before anything runs. Null and `failed`: no child is left.
    static std::shared_ptr<asio_driver> start(const asio::any_io_executor& ex, const host& context,
                                              ssh_command& command, std::error_code& failed,
                                              std::string& why) {
        auto made = std::make_shared<asio_driver>(ex);
        made->bell_->hook(*made);
        made->child = loop_child::spawn(
            context, command, [rung = made->bell_] { rung->ring(); }, failed, &why);
        if (failed) return nullptr;
        return made;
    }

    /// Takes over the wire, and lets it run. False and `failed`: the loop cannot watch something;
    /// then the child has been collected.
    bool run(async_wire_writer& in, async_wire_reader& out, std::error_code& failed,
             std::string& why) {
        error_code refused;
        const char* what = "the child's stdin";
        in = async_wire_writer(executor, child->take_in(), refused);
        if (!refused) {
            what = "the child's stdout";
            out = async_wire_reader(executor, child->take_out(), refused);
        }
        // The first step here, where what the loop cannot watch is still an error of the spawn.
        const loop_wants first = refused ? loop_wants{} : child->step(nothing);
        if (!refused && first.stderr_fd >= 0) {
            what = "the child's stderr";
            stderr_.assign(first.stderr_fd, refused);
        }
        if (!refused && first.exit_fd >= 0) {
            what = "the child's end";
            exit_.assign(first.exit_fd, refused);
        }
        if (!refused) {
            // What rang until here, the first step has seen.
            live_.store(true);
            asio::post(strand_, [me = this->shared_from_this(), first] { me->follow(first); });
            return true;
        }
        failed = refused;
        why = std::string("watch ") + what + ": " + refused.message();
        give_up();
        return false;
    }

    /// What was never let run: the child is killed and collected.
    void give_up() noexcept {
        live_.store(false);
        over_ = true;
        release();
        child.reset();
    }

    template <class Handler>
    void wait(Handler handler) {
        pending_operations one;
        one.push_back(std::make_unique<waiter>(std::move(handler), executor));
        auto slot = asio::get_associated_cancellation_slot(waiter_of(one.front()).handler);
        if (slot.is_connected()) {
            // Compared, never looked into: of a late signal it is gone.
            slot.assign(
                [me = this->weak_from_this(), which = one.front().get()](asio::cancellation_type) {
                    if (const auto kept = me.lock()) kept->stop_waiting(which);
                });
        }
        {
            const std::lock_guard lock(waiting_mutex_);
            if (shut_) return;  // destroyed, as everything that the context has
            waiting_.splice(waiting_.end(), one);
        }
        // Whoever comes after the end is answered as well. In this order: the end tells all that
        // are there.
        if (auto report = child->report()) complete_all({}, *report);
    }

    /// [any thread]
    void stop(const stop_actions& actions) {
        asio::post(strand_, [me = this->shared_from_this(), actions] {
            if (me->over_) return;
            me->child->stop(actions);
            me->step(nothing);
        });
    }

    /// Nobody owns it any more. [any thread]
    void detach() noexcept {
        try {
            complete_all(asio::error::operation_aborted, {});
            asio::post(strand_, [me = this->shared_from_this()] {
                me->child->abandon();
                me->step(nothing);
            });
        } catch (const std::exception&) {
            // Out of memory: the child goes with the last operation that is outstanding.
        }
    }

    const asio::any_io_executor executor;
    std::unique_ptr<loop_child> child;

  private:
    using strand = asio::strand<asio::any_io_executor>;
    using timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                             asio::wait_traits<std::chrono::steady_clock>, strand>;
    using waiter = pending_handler<exit_report>;

    /// What other threads have of a driver: it may be gone when they ring, and its context too.
    class bell {
      public:
        void hook(asio_driver& driver) noexcept {
            const std::lock_guard lock(mutex_);
            driver_ = &driver;
        }
        /// From the return on nobody reaches it.
        void unhook() noexcept {
            const std::lock_guard lock(mutex_);
            driver_ = nullptr;
        }
        void ring() noexcept {
            const std::lock_guard lock(mutex_);
            if (driver_) driver_->ring();
        }

      private:
        std::mutex mutex_;
        asio_driver* driver_ = nullptr;
    };

    static waiter& waiter_of(const std::unique_ptr<pending_operation>& one) {
        return static_cast<waiter&>(*one);
    }

    void complete_all(error_code failed, const exit_report& report) {
        pending_operations all;
        {
            const std::lock_guard lock(waiting_mutex_);
            all.swap(waiting_);
        }
        for (const auto& one : all) waiter_of(one).complete(failed, report);
    }

    void stop_waiting(const pending_operation* which) {
        pending_operations one;
        {
            const std::lock_guard lock(waiting_mutex_);
            const auto found = std::find_if(waiting_.begin(), waiting_.end(),
                                            [&](const auto& each) { return each.get() == which; });
            if (found == waiting_.end()) return;
            one.splice(one.end(), waiting_, found);
        }
        waiter_of(one.front()).complete(asio::error::operation_aborted, {});
    }

    void shut_down(pending_operations& handlers) noexcept override {
        bell_->unhook();
        const std::lock_guard lock(waiting_mutex_);
        shut_ = true;
        handlers.splice(handlers.end(), waiting_);
    }

    /// [any thread, the bell's lock held]
    void ring() noexcept {
        if (!live_.load() || rung_.exchange(true)) return;
        try {
            // The operation alone keeps it: not this thread, which might be the last to let go.
            auto me = this->weak_from_this().lock();
            if (!me) return;
            asio::post(strand_, [me = std::move(me)] {
                me->rung_.store(false);
                me->step(nothing);
            });
        } catch (const std::exception&) {
            rung_.store(false);  // the next ring, or the next event, does it
        }
    }

    void release() noexcept {
        if (stderr_.is_open()) stderr_.release();
        if (exit_.is_open()) exit_.release();
    }

    void step(unsigned events) {
        if (!over_) follow(child->step(events));
    }

    void follow(const loop_wants& next) {
        watch_stderr_ = next.watch_stderr;
        if (next.stderr_fd < 0) {
            forget_stderr();
        } else if (!stderr_.is_open()) {
            // After a hand-over: the new backend's, or the old one's again.
            error_code refused;
            stderr_.assign(next.stderr_fd, refused);
            if (refused) read_blindly();
        }
        if (next.exit_fd < 0 && exit_.is_open()) exit_.release();
        if (watch_stderr_ && !stderr_pending_ && stderr_.is_open()) {
            stderr_pending_ = true;
            stderr_.async_wait(stderr_.wait_read, [me = this->shared_from_this(),
                                                   wait = ++stderr_wait_](error_code why) {
                if (wait != me->stderr_wait_) return;  // of a descriptor that is forgotten
                me->stderr_pending_ = false;
                // Paused meanwhile: the next wait tells again.
                if (!why && me->watch_stderr_) me->step(stderr_ready);
            });
        }
        if (next.exit_fd >= 0 && !exit_pending_) {
            exit_pending_ = true;
            exit_.async_wait(exit_.wait_read, [me = this->shared_from_this()](error_code why) {
                me->exit_pending_ = false;
                if (!why) me->step(exit_ready);
            });
        }
        if (next.deadline < timer_at_) arm(next.deadline);
        if (next.soon) {
            asio::post(strand_, [me = this->shared_from_this()] { me->step(nothing); });
        }
        if (auto report = child->report(); report && (!told_ || report->final)) {
            told_ = true;
            complete_all({}, *report);
        }
        if (next.over) {
            over_ = true;
            timer_.cancel();
        }
    }

    void forget_stderr() noexcept {
        if (stderr_.is_open()) stderr_.release();
        ++stderr_wait_;
        stderr_pending_ = false;
    }

    /// The loop has no room for one more descriptor (ENOMEM, ENOSPC): it is tried again, and
    /// meanwhile read now and then.
    void read_blindly() {
        const auto retry = std::make_shared<timer>(strand_, std::chrono::milliseconds(10));
        retry->async_wait([me = this->shared_from_this(), retry](error_code why) {
            if (!why) me->step(stderr_ready);
        });
    }

    void arm(std::chrono::steady_clock::time_point at) {
        timer_at_ = at;
        timer_.expires_at(at);
        timer_.async_wait([me = this->shared_from_this(), at](error_code why) {
            if (why || me->timer_at_ != at) return;
            me->timer_at_ = std::chrono::steady_clock::time_point::max();
            me->step(nothing);
        });
    }

    strand strand_;
    asio::posix::basic_stream_descriptor<strand> stderr_;
    asio::posix::basic_stream_descriptor<strand> exit_;
    timer timer_;
    std::chrono::steady_clock::time_point timer_at_ = std::chrono::steady_clock::time_point::max();
    const std::shared_ptr<bell> bell_;
    std::mutex waiting_mutex_;  // of the two below
    pending_operations waiting_;
    bool shut_ = false;  // the context is going
    std::atomic<bool> live_{false};
    std::atomic<bool> rung_{false};
    bool watch_stderr_ = false;
    bool stderr_pending_ = false;
    std::uint64_t stderr_wait_ = 0;  // the wait that counts
    bool exit_pending_ = false;
    bool told_ = false;
    bool over_ = false;
};

}  // namespace detail

/// A running child without its wire. Movable; a moved-from object may only be destroyed or assigned
/// to.
///
/// The destructor does not block: outstanding waits end with `operation_aborted`; a child that is
/// still running is ended by the command's stop actions, by default SIGKILL at once. The io_context
/// collects it while it runs; otherwise its destructor kills and collects it. The child counts as
/// work of the io_context until it has been collected.
///
/// As with Asio's own I/O objects, handlers may own it (a coroutine that waits for its own child, a
/// callback with a shared_ptr to it): the destructor of the io_context destroys them, with the
/// transport and the child. An object that no handler owns must be destroyed before its io_context.
/// [one thread at a time; `snapshot`, `stderr_output`, `try_wait`, `stop` and `kill` any thread]
class AsyncSshChild {
  public:
    using executor_type = boost::asio::any_io_executor;

    AsyncSshChild(AsyncSshChild&&) noexcept = default;
    AsyncSshChild& operator=(AsyncSshChild&& other) noexcept {
        if (this != &other) {
            if (driver_) driver_->detach();
            driver_ = std::move(other.driver_);
        }
        return *this;
    }
    ~AsyncSshChild() {
        if (driver_) driver_->detach();
    }

    executor_type get_executor() const noexcept { return driver_->executor; }
    pid_t pid() const noexcept { return driver_->child->pid(); }

    /// As SshChild's. Empty if the child inherited our stderr (the flag is off).
    std::string stderr_output() const { return driver_->child->stderr_output(); }
    fd2::snapshot snapshot() const { return driver_->child->snapshot(); }
    stderr_record record() const { return driver_->child->record(); }

    /// Lines from the next whole one on; receives complete on `get_executor()` unless the handler
    /// has another one.
    async_stderr_lines subscribe(line_filter filter = {},
                                 std::size_t capacity = stderr_lines::default_capacity) {
        return {driver_->executor, driver_->child->subscribe(std::move(filter), capacity)};
    }

    /// How the child ended, once the loop has seen it.
    std::optional<exit_status> try_wait() const { return driver_->child->exited(); }

    /// `void(error_code, exit_report)`: the child has ended and its stderr is complete. May be
    /// called any number of times, also after the end. Cancelling ends the wait; the child is not
    /// touched. Does not close the wire: a child that waits for EOF on its stdin keeps waiting.
    template <class Token>
    auto async_wait(Token&& token) {
        return boost::asio::async_initiate<Token, void(boost::system::error_code, exit_report)>(
            [driver = driver_](auto handler) { driver->wait(std::move(handler)); }, token);
    }

    /// `void(error_code, exit_report, fd2::snapshot)`.
    template <class Token>
    auto async_wait_with_stderr(Token&& token) {
        return boost::asio::async_compose<Token, void(boost::system::error_code, exit_report,
                                                      fd2::snapshot)>(wait_then_look{driver_},
                                                                      token, driver_->executor);
    }

    /// Begins to end the child by `actions`; a wait reports the end. The zero value stands for the
    /// command's stop actions, or SIGKILL at once. The child may still be running after the last
    /// action. [any thread]
    void stop(const stop_actions& actions = {}) { driver_->stop(actions); }

    /// Sends a signal to the child (not to its group, nor to its own children). ESRCH once it has
    /// been collected: after a time limit use the second form.
    void kill(int signal) { driver_->child->kill(signal); }
    void kill(int signal, boost::system::error_code& failed) noexcept {
        std::error_code why;
        driver_->child->kill(signal, why);
        failed = detail::boost_code(why);
    }

  private:
    friend class async_spawner;
    explicit AsyncSshChild(std::shared_ptr<detail::asio_driver> driver) noexcept
        : driver_(std::move(driver)) {}

    struct wait_then_look {
        std::shared_ptr<detail::asio_driver> child;

        template <class Self>
        void operator()(Self& self) {
            self.reset_cancellation_state(boost::asio::enable_total_cancellation());
            // Kept by who asked, or by the child's own operations: not by what waits for it.
            const auto driver = std::move(child);
            driver->wait(std::move(self));
        }
        template <class Self>
        void operator()(Self& self, boost::system::error_code failed, exit_report report) {
            fd2::snapshot last = report.record.snapshot();
            self.complete(failed, std::move(report), std::move(last));
        }
    };

    std::shared_ptr<detail::asio_driver> driver_;
};

/// What `AsyncSshTransport::split` returns.
struct async_split {
    AsyncSshChild child;
    async_wire_writer in;
    async_wire_reader out;
};

/// A running child with its wire. Movable at any time.
class AsyncSshTransport {
  public:
    using executor_type = boost::asio::any_io_executor;

    executor_type get_executor() const noexcept { return parts_.child.get_executor(); }

    async_wire_writer& in() noexcept { return parts_.in; }    ///< to the child's stdin
    async_wire_reader& out() noexcept { return parts_.out; }  ///< from the child's stdout

    pid_t pid() const noexcept { return parts_.child.pid(); }
    std::string stderr_output() const { return parts_.child.stderr_output(); }
    fd2::snapshot snapshot() const { return parts_.child.snapshot(); }
    stderr_record record() const { return parts_.child.record(); }
    async_stderr_lines subscribe(line_filter filter = {},
                                 std::size_t capacity = stderr_lines::default_capacity) {
        return parts_.child.subscribe(std::move(filter), capacity);
    }
    std::optional<exit_status> try_wait() const { return parts_.child.try_wait(); }
    template <class Token>
    auto async_wait(Token&& token) {
        return parts_.child.async_wait(std::forward<Token>(token));
    }
    template <class Token>
    auto async_wait_with_stderr(Token&& token) {
        return parts_.child.async_wait_with_stderr(std::forward<Token>(token));
    }
    void stop(const stop_actions& actions = {}) { parts_.child.stop(actions); }
    void kill(int signal) { parts_.child.kill(signal); }
    void kill(int signal, boost::system::error_code& failed) noexcept {
        parts_.child.kill(signal, failed);
    }

    /// The wire's halves and the child, each for an owner of its own. The child is not touched.
    async_split split() && noexcept { return std::move(parts_); }

  private:
    friend class async_spawner;
    explicit AsyncSshTransport(async_split parts) noexcept : parts_(std::move(parts)) {}
    async_split parts_;
};

class async_spawner {
  public:
    /// Reports failures of the system in `failed`, not as exceptions.
    static std::optional<AsyncSshTransport> spawn(const boost::asio::any_io_executor& ex,
                                                  const host& context, ssh_command& command,
                                                  std::error_code& failed, std::string& why) {
        std::shared_ptr<detail::asio_driver> driver;
        try {
            driver = detail::asio_driver::start(ex, context, command, failed, why);
            if (!driver) return std::nullopt;
            async_wire_writer in(ex, wire_writer());
            async_wire_reader out(ex, wire_reader());
            if (!driver->run(in, out, failed, why)) return std::nullopt;
            return AsyncSshTransport(
                {AsyncSshChild(std::move(driver)), std::move(in), std::move(out)});
        } catch (const boost::system::system_error& refused) {
            // The loop itself: the first I/O object of a context makes its descriptors.
            failed = refused.code();
            why = refused.what();
        } catch (const std::bad_alloc&) {
            failed = std::make_error_code(std::errc::not_enough_memory);
            why = "start the child: " + failed.message();
        }
        if (driver) driver->give_up();
        return std::nullopt;
    }
};

/// Starts `command` by the settings of `context` for the async transport, on `ex`. Returns once the
/// program runs, which takes as long as a spawn: under a millisecond, except with a backend that
/// has to connect first. With `features.ssh-socketpair-stderr` off the child inherits our stderr
/// and nothing is captured. Errors as fd2::spawn, and `resource` if the loop cannot watch a
/// descriptor; no child is left then.
inline AsyncSshTransport async_spawn(const boost::asio::any_io_executor& ex, const host& context,
                                     ssh_command& command) {
    std::error_code failed;
    std::string why;
    auto made = async_spawner::spawn(ex, context, command, failed, why);
    if (!made) throw error(kind_of(failed), errno_of(failed), why);
    return std::move(*made);
}

/// Does not throw. `*why`, if given, is what `error::what` would say.
inline std::optional<AsyncSshTransport> async_spawn(const boost::asio::any_io_executor& ex,
                                                    const host& context, ssh_command& command,
                                                    boost::system::error_code& failed,
                                                    std::string* why = nullptr) {
    std::error_code code;
    std::string text;
    auto made = async_spawner::spawn(ex, context, command, code, text);
    failed = detail::boost_code(code);
    if (!made && why) *why = std::move(text);
    return made;
}

}  // namespace fd2
