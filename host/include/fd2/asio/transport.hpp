// AsyncSshTransport: a child, its wire and its stderr on the program's event loop.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/basic_waitable_timer.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <chrono>
#include <memory>
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

namespace fd2 {

namespace detail {

/// Drives one loop_child on one strand. Keeps itself alive until the child has been collected, by
/// the operations that it has outstanding; with the io_context they go, and so does the child.
class asio_driver : public std::enable_shared_from_this<asio_driver> {
  public:
    explicit asio_driver(const asio::any_io_executor& on)
        : executor(on),
          strand_(asio::make_strand(on)),
          stderr_(strand_),
          exit_(strand_),
          timer_(strand_),
          waiters_(std::make_shared<waiting_room<exit_report>>()) {}

    ~asio_driver() {
        // The descriptors are the child's, which goes after them.
        if (stderr_.is_open()) stderr_.release();
        if (exit_.is_open()) exit_.release();
    }

    /// Before anything runs. Null and `failed`: no child is left.
    static std::shared_ptr<asio_driver> start(const asio::any_io_executor& on, const host& from,
                                              ssh_command& command, std::error_code& failed,
                                              std::string& why) {
        auto made = std::make_shared<asio_driver>(on);
        made->child = loop_child::spawn(
            from, command,
            [me = made->weak_from_this()] {
                if (const auto kept = me.lock()) kept->ring();
            },
            failed, &why);
        if (failed) return nullptr;
        // What rang until here, the first step sees.
        made->live_.store(true);
        // The first step here, where what the loop cannot watch is still an error of the spawn.
        const loop_wants first = made->child->step(nothing);
        error_code refused;
        if (first.stderr_fd >= 0) made->stderr_.assign(first.stderr_fd, refused);
        if (!refused && first.exit_fd >= 0) made->exit_.assign(first.exit_fd, refused);
        if (refused) {
            failed = refused;
            why = "watch the child: " + refused.message();
            made->over_ = true;
            if (made->stderr_.is_open()) made->stderr_.release();
            made->child.reset();
            return nullptr;
        }
        asio::post(made->strand_, [made, first] { made->follow(first); });
        return made;
    }

    template <class Handler>
    void wait(Handler handler) {
        waiters_->add(std::move(handler), executor);
        // Whoever comes after the end is answered as well. In this order: the end tells all that
        // are there.
        if (auto report = child->report()) waiters_->complete_all({}, *report);
    }

    /// Nobody owns it any more. [any thread]
    void detach() noexcept {
        try {
            waiters_->complete_all(asio::error::operation_aborted, {});
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

    /// [any thread]
    void ring() noexcept {
        if (!live_.load() || rung_.exchange(true)) return;
        try {
            asio::post(strand_, [me = this->shared_from_this()] {
                me->rung_.store(false);
                me->step(nothing);
            });
        } catch (const std::exception&) {
            rung_.store(false);  // the next ring, or the next event, does it
        }
    }

    void step(unsigned events) {
        if (!over_) follow(child->step(events));
    }

    void follow(const loop_wants& next) {
        watch_stderr_ = next.watch_stderr;
        if (next.stderr_fd < 0 && stderr_.is_open()) stderr_.release();
        if (next.exit_fd < 0 && exit_.is_open()) exit_.release();
        if (watch_stderr_ && !stderr_pending_) {
            stderr_pending_ = true;
            stderr_.async_wait(stderr_.wait_read, [me = this->shared_from_this()](error_code why) {
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
            waiters_->complete_all({}, *report);
        }
        if (next.over) {
            over_ = true;
            timer_.cancel();
        }
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
    asio::basic_waitable_timer<std::chrono::steady_clock,
                               asio::wait_traits<std::chrono::steady_clock>, strand>
        timer_;
    std::chrono::steady_clock::time_point timer_at_ = std::chrono::steady_clock::time_point::max();
    std::shared_ptr<waiting_room<exit_report>> waiters_;
    std::atomic<bool> live_{false};
    std::atomic<bool> rung_{false};
    bool watch_stderr_ = false;
    bool stderr_pending_ = false;
    bool exit_pending_ = false;
    bool told_ = false;
    bool over_ = false;
};

}  // namespace detail

/// A running child without its wire. Movable. What was moved from has only a destructor.
///
/// The destructor does not block: outstanding waits end with `operation_aborted`; a child that is
/// still running is killed, and collected by the io_context as long as that runs, and otherwise by
/// its destructor. The child counts as work of the io_context until it has been collected.
/// [one thread at a time; `snapshot`, `stderr_output`, `try_wait` and `kill` any thread]
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

    /// As of SshChild. Empty where the child inherited our stderr (the flag is off).
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

    /// `void(error_code, exit_report)`: the child has ended and its stderr is complete. Any number
    /// of times, also after the end. Cancelling stops the waiting; the child is not touched. Does
    /// not close the wire: a child that waits for the end of its stdin waits on.
    template <class Token>
    auto async_wait(Token&& token) {
        return boost::asio::async_initiate<Token, void(boost::system::error_code, exit_report)>(
            [to = driver_](auto handler) { to->wait(std::move(handler)); }, token);
    }

    /// `void(error_code, exit_report, fd2::snapshot)`.
    template <class Token>
    auto async_wait_with_stderr(Token&& token) {
        return boost::asio::async_compose<Token, void(boost::system::error_code, exit_report,
                                                      fd2::snapshot)>(wait_then_look{*this}, token,
                                                                      driver_->executor);
    }

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
        AsyncSshChild& child;

        template <class Self>
        void operator()(Self& self) {
            child.async_wait(std::move(self));
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

/// A running child with its wire. Movable while nothing is outstanding on the wire.
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
    void kill(int signal) { parts_.child.kill(signal); }
    void kill(int signal, boost::system::error_code& failed) noexcept {
        parts_.child.kill(signal, failed);
    }

    /// The wire's halves and the child, for one owner each. The child is not touched.
    async_split split() && noexcept { return std::move(parts_); }

  private:
    friend class async_spawner;
    explicit AsyncSshTransport(async_split parts) noexcept : parts_(std::move(parts)) {}
    async_split parts_;
};

class async_spawner {
  public:
    static std::optional<AsyncSshTransport> spawn(const boost::asio::any_io_executor& on,
                                                  const host& from, ssh_command& command,
                                                  std::error_code& failed, std::string& why) {
        auto driver = detail::asio_driver::start(on, from, command, failed, why);
        if (!driver) return std::nullopt;
        AsyncSshChild child(driver);
        async_wire_writer in(on, driver->child->take_in());
        async_wire_reader out(on, driver->child->take_out());
        return AsyncSshTransport({std::move(child), std::move(in), std::move(out)});
    }
};

/// Starts `command` by the settings of `from` for the async transport, on `on`. Returns once the
/// program runs, which takes as long as a spawn: under a millisecond, save on a backend that has to
/// connect first. With `features.ssh-socketpair-stderr` off the child inherits our stderr and
/// nothing is captured. Errors as fd2::spawn.
inline AsyncSshTransport async_spawn(const boost::asio::any_io_executor& on, const host& from,
                                     ssh_command& command) {
    std::error_code failed;
    std::string why;
    auto made = async_spawner::spawn(on, from, command, failed, why);
    if (!made) throw error(kind_of(failed), errno_of(failed), why);
    return std::move(*made);
}

/// `*why`, if given, is what `error::what` would say.
inline std::optional<AsyncSshTransport> async_spawn(const boost::asio::any_io_executor& on,
                                                    const host& from, ssh_command& command,
                                                    boost::system::error_code& failed,
                                                    std::string* why = nullptr) {
    std::error_code code;
    std::string text;
    auto made = async_spawner::spawn(on, from, command, code, text);
    failed = detail::boost_code(code);
    if (!made && why) *why = std::move(text);
    return made;
}

}  // namespace fd2
