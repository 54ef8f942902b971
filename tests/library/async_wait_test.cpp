// Waiting for a child in every form that Asio knows.
#include <boost/asio.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <fd2/async.hpp>

#include <future>
#include <thread>

#include "library/support.hpp"

using namespace library_test;
namespace asio = boost::asio;
using boost::system::error_code;
using fd2::exit_report;
using fd2::exit_status;

namespace {
const std::string three = "echo err >&2; exit 3";
}

TEST_CASE("a callback, never from inside the function that began it", "[captures]") {
    const test_host host({"surface=never"});
    asio::io_context io;
    auto command = shell(three);
    auto child = fd2::async_spawn(io.get_executor(), host, command);
    bool inside = true;
    int calls = 0;
    const auto check = [&](error_code failed, exit_report report) {
        CHECK_FALSE(inside);
        CHECK_FALSE(failed);
        CHECK(report.status == exit_status::exited(3));
        CHECK(report.end == fd2::end_kind::eof);
        ++calls;
    };
    child.async_wait(check);
    child.async_wait(check);  // any number
    inside = false;
    io.run();
    CHECK(calls == 2);
    CHECK(child.stderr_output() == "err\n");
    CHECK(child.try_wait() == exit_status::exited(3));
    // After the end as well.
    inside = true;
    child.async_wait(check);
    inside = false;
    io.restart();
    io.run();
    CHECK(calls == 3);
}

TEST_CASE("a future, with the loop on another thread", "[captures]") {
    const test_host host({"surface=never"});
    asio::io_context io;
    auto work = asio::make_work_guard(io);
    std::thread runner([&] { io.run(); });
    auto command = shell(three);
    auto child = fd2::async_spawn(io.get_executor(), host, command);
    std::future<exit_report> one = child.async_wait(asio::use_future);
    CHECK(one.get().status == exit_status::exited(3));
    auto both = child.async_wait_with_stderr(asio::use_future);
    const auto [report, last] = both.get();
    CHECK(last.bytes == "err\n");
    work.reset();
    runner.join();
}

TEST_CASE("a coroutine", "[captures]") {
    const test_host host({"surface=never"});
    asio::io_context io;
    bool done = false;
    asio::co_spawn(
        io,
        [&]() -> asio::awaitable<void> {
            auto command = shell("cat; " + three);
            auto child = fd2::async_spawn(io.get_executor(), host, command);
            co_await asio::async_write(child.in(), asio::buffer("over the wire", 13),
                                       asio::use_awaitable);
            child.in().close();
            std::string got;
            error_code failed;
            co_await asio::async_read(child.out(), asio::dynamic_buffer(got),
                                      asio::redirect_error(asio::use_awaitable, failed));
            CHECK(failed == asio::error::eof);
            CHECK(got == "over the wire");
            const auto [report, last] = co_await child.async_wait_with_stderr(asio::use_awaitable);
            CHECK(report.status == exit_status::exited(3));
            CHECK(last.bytes == "err\n");
            done = true;
        },
        asio::detached);
    io.run();
    CHECK(done);
}

TEST_CASE("cancelling stops the waiting and does not touch the child") {
    const test_host host({"surface=never"});
    asio::io_context io;
    auto command = shell("read x; " + three);
    auto child = fd2::async_spawn(io.get_executor(), host, command);
    asio::cancellation_signal stop;
    bool stopped = false;
    bool ended = false;
    child.async_wait([&](error_code failed, exit_report report) {
        CHECK_FALSE(failed);
        CHECK(report.status == exit_status::exited(3));
        ended = true;
    });
    child.async_wait(asio::bind_cancellation_slot(stop.slot(), [&](error_code failed, exit_report) {
        CHECK(failed == asio::error::operation_aborted);
        CHECK_FALSE(child.try_wait());
        stopped = true;
        child.in().close();
    }));
    asio::post(io, [&] { stop.emit(asio::cancellation_type::all); });
    io.run();
    CHECK(stopped);
    CHECK(ended);
    stop.emit(asio::cancellation_type::all);  // late: nothing is left to cancel
}

TEST_CASE("a wait beside a timer, by operators") {
    using namespace asio::experimental::awaitable_operators;
    const test_host host({"surface=never"});
    asio::io_context io;
    bool done = false;
    asio::co_spawn(
        io,
        [&]() -> asio::awaitable<void> {
            auto command = shell("exec sleep 1000");
            auto child = fd2::async_spawn(io.get_executor(), host, command);
            asio::steady_timer soon(io, std::chrono::milliseconds(1));
            const auto first = co_await (child.async_wait(asio::use_awaitable) ||
                                         soon.async_wait(asio::use_awaitable));
            CHECK(first.index() == 1);
            CHECK_FALSE(child.try_wait());
            child.kill(SIGTERM);
            const auto report = co_await child.async_wait(asio::use_awaitable);
            CHECK(report.status == exit_status::signalled(SIGTERM, false));
            done = true;
        },
        asio::detached);
    io.run();
    CHECK(done);
}

TEST_CASE("the handler's own executor and allocator are used") {
    const test_host host({"surface=never"});
    asio::io_context io;
    asio::thread_pool other(1);
    std::promise<std::thread::id> seen;
    std::promise<std::thread::id> there;
    asio::post(other, [&] { there.set_value(std::this_thread::get_id()); });
    auto command = shell(three);
    auto child = fd2::async_spawn(io.get_executor(), host, command);
    child.async_wait(asio::bind_executor(
        other, [&](error_code, exit_report) { seen.set_value(std::this_thread::get_id()); }));
    io.run();
    CHECK(seen.get_future().get() == there.get_future().get());
    other.join();
}

TEST_CASE("detached: nobody waits, the child is collected all the same") {
    const test_host host({"surface=never"});
    asio::io_context io;
    auto command = shell(three);
    auto child = fd2::async_spawn(io.get_executor(), host, command);
    child.async_wait(asio::detached);
    io.run();
    CHECK(child.try_wait());
    CHECK_FALSE(has_children());
}

TEST_CASE("a strand of the caller's serialises its handlers") {
    const test_host host({"surface=never", "forward.mode=off"});
    asio::thread_pool pool(4);
    auto strand = asio::make_strand(pool);
    std::vector<fd2::AsyncSshTransport> children;
    int inside = 0;
    int calls = 0;
    for (int i = 0; i < 16; ++i) {
        auto command = shell(three);
        children.push_back(fd2::async_spawn(pool.get_executor(), host, command));
    }
    for (auto& child : children) {
        child.async_wait(asio::bind_executor(strand, [&](error_code, exit_report) {
            ++inside;
            CHECK(inside == 1);
            ++calls;
            --inside;
        }));
    }
    pool.join();
    CHECK(calls == 16);
}

TEST_CASE("a transport that goes aborts what waits and has its child killed and collected") {
    const test_host host({"surface=never"});
    asio::io_context io;
    auto command = shell("trap '' TERM HUP; exec sleep 1000");
    error_code seen;
    error_code written;
    {
        auto child = fd2::async_spawn(io.get_executor(), host, command);
        child.async_wait([&](error_code failed, exit_report) { seen = failed; });
        char byte = 0;
        child.out().async_read_some(asio::buffer(&byte, 1),
                                    [&](error_code failed, std::size_t) { written = failed; });
    }
    CHECK_FALSE(seen);  // not inline
    io.run();
    CHECK(seen == asio::error::operation_aborted);
    CHECK(written == asio::error::operation_aborted);
    CHECK_FALSE(has_children());
}

TEST_CASE("an io_context that goes takes children and pending waits along", "[captures]") {
    const test_host host({"surface=never"});
    std::size_t before = 0;
    for (int i = 0; i < 3; ++i) {
        {
            asio::io_context io;
            auto command = shell("exec sleep 1000");
            auto child = fd2::async_spawn(io.get_executor(), host, command);
            child.async_wait([](error_code, exit_report) { FAIL("called, though it went"); });
            io.poll();
        }
        CHECK_FALSE(has_children());
        // From the second time on: the backend is loaded.
        if (i > 0) CHECK(open_descriptors() == before);
        before = open_descriptors();
    }
}

TEST_CASE("split moves the parts and leaves the child alone", "[captures]") {
    const test_host host({"surface=never"});
    asio::io_context io;
    auto command = shell("cat; " + three);
    auto parts = fd2::async_spawn(io.get_executor(), host, command).split();
    bool done = false;
    asio::co_spawn(
        io,
        [&]() -> asio::awaitable<void> {
            co_await asio::async_write(parts.in, asio::buffer("still alive", 11),
                                       asio::use_awaitable);
            parts.in.close();
            std::string got;
            error_code failed;
            co_await asio::async_read(parts.out, asio::dynamic_buffer(got),
                                      asio::redirect_error(asio::use_awaitable, failed));
            CHECK(got == "still alive");
            CHECK_FALSE(parts.out.native_handle() < 0);
            const auto report = co_await parts.child.async_wait(asio::use_awaitable);
            CHECK(report.status == exit_status::exited(3));
            CHECK(parts.child.stderr_output() == "err\n");
            done = true;
        },
        asio::detached);
    io.run();
    CHECK(done);
}

TEST_CASE("the capture is complete whenever a wait completes", "[captures]") {
    const test_host host({"surface=never", "forward.mode=off"});
    asio::io_context io;
    for (int i = 0; i < 50; ++i) {
        auto command = shell("echo one >&2; echo two >&2; echo three >&2");
        auto child = fd2::async_spawn(io.get_executor(), host, command);
        bool done = false;
        child.async_wait([&](error_code, exit_report) {
            CHECK(child.stderr_output() == "one\ntwo\nthree\n");
            done = true;
        });
        io.run();
        io.restart();
        REQUIRE(done);
    }
}
