// What becomes of operations whose context or whose object goes first. Run with AddressSanitizer,
// these look for leaks and for uses after free as well.
#include <sys/resource.h>
#include <boost/asio.hpp>
#include <fd2/async.hpp>

#include <future>
#include <thread>

#include "library/support.hpp"

using namespace library_test;
namespace asio = boost::asio;
using boost::system::error_code;
using fd2::exit_report;

namespace {

/// Watches whether something that a handler holds is still there.
class witness {
  public:
    std::shared_ptr<int> hold() {
        auto made = std::make_shared<int>(0);
        held_.push_back(made);
        return made;
    }
    std::size_t left() const {
        std::size_t count = 0;
        for (const auto& each : held_) count += each.expired() ? 0 : 1;
        return count;
    }

  private:
    std::vector<std::weak_ptr<int>> held_;
};

/// Runs `begin` on a context, lets that work until nothing is ready, and destroys it; afterwards
/// nothing is left: no child, no descriptor, nothing that a handler held.
template <class Context, class Begin>
void goes_with(Context make, Begin begin) {
    const test_host host({"surface=never", "forward.mode=off"});
    witness seen;
    std::size_t before = 0;
    for (int i = 0; i < 3; ++i) {
        {
            auto context = make();
            begin(*context, host, seen);
        }
        CHECK(seen.left() == 0);
        CHECK_FALSE(has_children());
        // From the second time on: the backend is loaded.
        if (i > 0) CHECK(open_descriptors() == before);
        before = open_descriptors();
    }
}

std::unique_ptr<asio::io_context> loop() {
    return std::make_unique<asio::io_context>();
}

fd2::ssh_command sleeper() {
    return shell("exec sleep 1000");
}

/// Fills the child's stdin, so that the next write waits.
void fill(fd2::AsyncSshTransport& child) {
    const std::string much(65536, 'x');
    while (fd2::write_quietly(child.in().native_handle(), much.data(), much.size()) > 0) continue;
}

}  // namespace

// ---- the context goes first

TEST_CASE("a context that goes destroys a coroutine that waits for its own child") {
    goes_with(loop, [](asio::io_context& io, const test_host& host, witness& seen) {
        asio::co_spawn(
            io,
            [&io, &host, held = seen.hold()]() -> asio::awaitable<void> {
                auto command = sleeper();
                auto child = fd2::async_spawn(io.get_executor(), host, command);
                co_await child.async_wait(asio::use_awaitable);
                FAIL("it never ends");
            },
            asio::detached);
        io.poll();
    });
}

TEST_CASE("a context that goes destroys handlers that own the transport") {
    goes_with(loop, [](asio::io_context& io, const test_host& host, witness& seen) {
        auto command = sleeper();
        auto child = std::make_shared<fd2::AsyncSshTransport>(
            fd2::async_spawn(io.get_executor(), host, command));
        child->async_wait([child, held = seen.hold()](error_code, const exit_report&) {});
        child->async_wait_with_stderr(
            [child, held = seen.hold()](error_code, const exit_report&, const fd2::snapshot&) {});
        fill(*child);
        asio::async_write(child->in(), asio::buffer("x", 1),
                          [child, held = seen.hold()](error_code, std::size_t) {});
        auto byte = std::make_shared<char>();
        child->out().async_read_some(asio::buffer(byte.get(), 1),
                                     [child, byte, held = seen.hold()](error_code, std::size_t) {});
        child.reset();
        io.poll();
    });
}

TEST_CASE("a context that goes destroys handlers that own each other's transports") {
    goes_with(loop, [](asio::io_context& io, const test_host& host, witness& seen) {
        std::vector<std::shared_ptr<fd2::AsyncSshTransport>> all;
        for (int i = 0; i < 3; ++i) {
            auto command = sleeper();
            all.push_back(std::make_shared<fd2::AsyncSshTransport>(
                fd2::async_spawn(io.get_executor(), host, command)));
        }
        for (std::size_t i = 0; i < all.size(); ++i) {
            all[i]->async_wait([other = all[(i + 1) % all.size()], held = seen.hold()](
                                   error_code, const exit_report&) {});
        }
        all.clear();
        io.poll();
    });
}

TEST_CASE("a context that goes destroys a coroutine that waits for lines", "[captures]") {
    goes_with(loop, [](asio::io_context& io, const test_host& host, witness& seen) {
        asio::co_spawn(
            io,
            [&io, &host, held = seen.hold()]() -> asio::awaitable<void> {
                auto command = shell("echo one >&2; exec sleep 1000");
                auto child = fd2::async_spawn(io.get_executor(), host, command);
                auto lines = child.subscribe();
                for (;;) co_await lines.async_receive(asio::use_awaitable);
            },
            asio::detached);
        io.run_for(std::chrono::milliseconds(1));
    });
}

TEST_CASE("a context that goes lets a thread which brings lines find nobody") {
    for (int i = 0; i < 20; ++i) {
        const test_host host({"surface=never", "forward.mode=off"});
        auto command = shell("while :; do echo line; done >&2");
        auto early = command.subscribe();
        auto child = fd2::spawn(host, command);  // read by a thread of the library's
        witness seen;
        {
            asio::io_context io;
            asio::co_spawn(
                io,
                [&, held = seen.hold()]() -> asio::awaitable<void> {
                    fd2::async_stderr_lines lines(io.get_executor(), std::move(early));
                    for (;;) co_await lines.async_receive(asio::use_awaitable);
                },
                asio::detached);
            io.run_for(std::chrono::milliseconds(1));
        }
        CHECK(seen.left() == 0);
        child.kill(SIGKILL);
        child.wait();
    }
}

TEST_CASE("an object that holds lines may outlive the context that it receives on") {
    const test_host host({"surface=never", "forward.mode=off"});
    auto command = shell("read x; echo late >&2");
    auto early = command.subscribe();
    auto child = fd2::spawn(host, command);
    witness seen;
    {
        auto io = loop();
        fd2::async_stderr_lines lines(io->get_executor(), std::move(early));
        lines.async_receive([held = seen.hold()](error_code, fd2::stderr_line) {});
        io->poll();
        io.reset();
        CHECK(seen.left() == 0);
        child.in().close();
        child.wait();  // what comes finds no context to post to
    }
}

TEST_CASE("a context of several threads that goes destroys what waits") {
    const auto pool = [] { return std::make_unique<asio::thread_pool>(2); };
    goes_with(pool, [](asio::thread_pool& on, const test_host& host, witness& seen) {
        std::promise<void> begun;
        asio::co_spawn(
            asio::make_strand(on),
            [&, held = seen.hold()]() -> asio::awaitable<void> {
                auto command = sleeper();
                auto child = fd2::async_spawn(co_await asio::this_coro::executor, host, command);
                begun.set_value();
                co_await child.async_wait(asio::use_awaitable);
            },
            asio::detached);
        begun.get_future().wait();
        on.stop();
        on.join();
    });
}

TEST_CASE("a wait that was put off for later is destroyed with the transport it was asked of") {
    goes_with(loop, [](asio::io_context& io, const test_host& host, witness& seen) {
        auto command = sleeper();
        auto child = fd2::async_spawn(io.get_executor(), host, command);
        auto later = child.async_wait_with_stderr(asio::deferred);
        auto moved = std::move(child);  // the operation is not of the object, but of the child
        std::move(later)(
            [held = seen.hold()](error_code, const exit_report&, const fd2::snapshot&) {});
        io.poll();
    });
}

// ---- the object goes first, at each point where an operation waits

TEST_CASE("a writer that goes between readiness and the write aborts the write") {
    const test_host host({"surface=never"});
    for (const int how : {0, 1, 2}) {
        asio::io_context io;
        auto command = fd2::ssh_command::from_argv({"cat"});
        auto child = std::make_unique<fd2::AsyncSshTransport>(
            fd2::async_spawn(io.get_executor(), host, command));
        child->kill(SIGSTOP);
        fill(*child);
        error_code seen;
        std::size_t written = 1;
        asio::cancellation_signal stop;
        child->in().async_write_some(
            asio::buffer("x", 1),
            asio::bind_cancellation_slot(stop.slot(), [&](error_code failed, std::size_t count) {
                seen = failed;
                written = count;
            }));
        io.poll();
        // The pipe is emptied, and the loop sees it, in the same turn in which the writer goes.
        child->kill(SIGCONT);
        pollfd writable{child->in().native_handle(), POLLOUT, 0};
        char chunk[65536];
        while (::poll(&writable, 1, 0) == 0) {
            const auto got = ::read(child->out().native_handle(), chunk, sizeof(chunk));
            (void)got;
        }
        asio::post(io, [&] {
            if (how == 0) child.reset();
            if (how == 1) child->in().close();
            if (how == 2) stop.emit(asio::cancellation_type::total);
        });
        // The reactor queues the readiness behind what was posted: both are there before either
        // runs.
        io.run_one();
        if (child) child->kill(SIGKILL);
        io.run();
        INFO(how);
        CHECK(seen == asio::error::operation_aborted);
        CHECK(written == 0);
    }
}

TEST_CASE("a writer may be moved while a write waits") {
    const test_host host({"surface=never"});
    asio::io_context io;
    auto command = fd2::ssh_command::from_argv({"cat"});
    auto parts = fd2::async_spawn(io.get_executor(), host, command).split();
    auto& [child, in, out] = parts;
    const std::string much(1000000, 'x');
    std::size_t sent = 0;
    asio::co_spawn(
        io,
        [&sent, &much,
         &in = in]() -> asio::awaitable<void> {  // C++20: a binding is not captured by [&]
            sent = co_await asio::async_write(in, asio::buffer(much), asio::use_awaitable);
            in.close();
        },
        asio::detached);
    io.poll();
    {
        // The loop has no turn meanwhile: async_write refers to `in`, and goes on with that.
        fd2::async_wire_writer elsewhere(std::move(in));
        in = std::move(elsewhere);
    }
    std::string got;
    asio::async_read(out, asio::dynamic_buffer(got), asio::detached);
    io.run();
    CHECK(sent == much.size());
    CHECK(got == much);
}

TEST_CASE("whatever goes while something waits for it, what waits is aborted") {
    const test_host host({"surface=never"});
    // Each is begun, then the transport goes: before the loop has seen it, and after.
    for (const bool seen_by_loop : {false, true}) {
        asio::io_context io;
        auto command = shell("echo before >&2; exec sleep 1000");
        auto child = std::make_unique<fd2::AsyncSshTransport>(
            fd2::async_spawn(io.get_executor(), host, command));
        auto lines = std::make_unique<fd2::async_stderr_lines>(child->subscribe());
        std::vector<error_code> ends;
        char byte = 0;
        fill(*child);
        child->async_wait([&](error_code failed, const exit_report&) { ends.push_back(failed); });
        child->async_wait_with_stderr([&](error_code failed, const exit_report&,
                                          const fd2::snapshot&) { ends.push_back(failed); });
        child->in().async_write_some(
            asio::buffer("x", 1), [&](error_code failed, std::size_t) { ends.push_back(failed); });
        child->out().async_read_some(asio::buffer(&byte, 1), [&](error_code failed, std::size_t) {
            ends.push_back(failed);
        });
        if (seen_by_loop) io.poll();
        child.reset();
        lines.reset();
        io.run();
        REQUIRE(ends.size() == 4);
        for (const auto& end : ends) CHECK(end == asio::error::operation_aborted);
    }
    CHECK_FALSE(has_children());
}

TEST_CASE("a subscription that goes when a line has come aborts the receive", "[captures]") {
    const test_host host({"surface=never", "forward.mode=off"});
    asio::io_context io;
    auto command = shell("read x; echo one >&2; read y");
    auto child = fd2::async_spawn(io.get_executor(), host, command);
    auto lines = std::make_unique<fd2::async_stderr_lines>(child.subscribe());
    error_code seen;
    lines->async_receive([&](error_code failed, const fd2::stderr_line&) { seen = failed; });
    REQUIRE(fd2::write_quietly(child.in().native_handle(), "go\n", 3) == 3);
    // Up to the turn that brings the line, whose news is then queued and not delivered.
    while (lines->sent() == 0) io.run_one();
    lines.reset();
    child.in().close();
    io.run();
    CHECK(seen == asio::error::operation_aborted);
}

// ---- what cannot be had is an error code

#ifndef __SANITIZE_ADDRESS__  // it needs descriptors of its own, and raises false alarms without
TEST_CASE("an async spawn with an error code throws at no limit of descriptors") {
    rlimit given{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &given) == 0);
    const test_host host({"surface=never", "forward.mode=off"});
    {
        asio::io_context io;
        auto command = shell("exit 0");
        auto child = fd2::async_spawn(io.get_executor(), host, command);
        io.run();
    }
    const std::size_t before = open_descriptors();
    int refused = 0;
    for (bool good = false; !good;) {
        {
            // All but so many descriptors are taken.
            std::vector<int> taken;
            do taken.push_back(::dup(0));
            while (taken.back() >= 0 && taken.back() < 250);
            REQUIRE(taken.back() >= 0);
            const rlimit low{static_cast<rlim_t>(taken.back()) + 1, given.rlim_max};
            REQUIRE(taken.size() > static_cast<std::size_t>(refused));
            for (int i = 0; i < refused; ++i) {
                ::close(taken.back());
                taken.pop_back();
            }
            asio::io_context io;
            auto command = shell("exit 0");
            error_code failed;
            std::string why;
            std::optional<fd2::AsyncSshTransport> child;
            REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
            CHECK_NOTHROW(child = fd2::async_spawn(io.get_executor(), host, command, failed, &why));
            REQUIRE(::setrlimit(RLIMIT_NOFILE, &given) == 0);
            for (const int fd : taken) ::close(fd);
            INFO(refused << " descriptors: " << why);
            CHECK(child.has_value() == !failed);
            if (!child) {
                ++refused;
                CHECK(failed == make_error_condition(boost::system::errc::too_many_files_open));
                CHECK_FALSE(why.empty());
                CHECK_FALSE(has_children());
            } else {
                io.run();
                CHECK(child->try_wait() == fd2::exit_status::exited(0));
                good = true;
            }
        }
        CHECK(open_descriptors() == before);
    }
    CHECK(refused > 5);  // the loop's own, the wire's, the pidfd
}
#endif
