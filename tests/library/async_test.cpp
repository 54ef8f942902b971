// The async transport's streams and subscribers, and many of them at once.
#include <boost/asio.hpp>
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

/// Sends `size` bytes through cat and back, both ways at once.
asio::awaitable<void> echo(fd2::AsyncSshTransport& child, std::size_t size) {
    std::string sent(size, 'x');
    for (std::size_t i = 0; i < sent.size(); ++i) sent[i] = static_cast<char>(i * 7 + i / 251);
    auto& in = child.in();
    const auto on = co_await asio::this_coro::executor;
    asio::co_spawn(
        on,
        [&in, sent]() -> asio::awaitable<void> {
            co_await asio::async_write(in, asio::buffer(sent), asio::use_awaitable);
            in.close();
        },
        asio::detached);
    std::string got;
    error_code failed;
    co_await asio::async_read(child.out(), asio::dynamic_buffer(got),
                              asio::redirect_error(asio::use_awaitable, failed));
    CHECK(failed == asio::error::eof);
    CHECK(got == sent);
}

}  // namespace

TEST_CASE("the async wire carries more than a pipe holds, both ways at once") {
    const test_host host({"surface=never"});
    asio::io_context io;
    auto command = fd2::ssh_command::from_argv({"cat"});
    auto child = fd2::async_spawn(io.get_executor(), host, command);
    asio::co_spawn(io, echo(child, 3000000), asio::detached);
    io.run();
    CHECK(child.try_wait() == exit_status::exited(0));
}

TEST_CASE("a write to a child that reads no more is broken_pipe, without a signal") {
    const test_host host({"surface=never"});
    asio::io_context io;
    auto command = shell("exec 0<&-; echo closed; exec sleep 1000");
    auto child = fd2::async_spawn(io.get_executor(), host, command);
    bool done = false;
    asio::co_spawn(
        io,
        [&]() -> asio::awaitable<void> {
            char byte = 0;
            co_await asio::async_read(child.out(), asio::buffer(&byte, 1), asio::use_awaitable);
            error_code failed;
            const std::string much(1000000, 'x');
            co_await asio::async_write(child.in(), asio::buffer(much),
                                       asio::redirect_error(asio::use_awaitable, failed));
            CHECK(failed == asio::error::broken_pipe);
            child.kill(SIGKILL);
            done = true;
        },
        asio::detached);
    io.run();
    CHECK(done);
}

TEST_CASE("a write that waits for room can be cancelled, and closing aborts it") {
    const test_host host({"surface=never"});
    for (const bool close : {false, true}) {
        asio::io_context io;
        auto command = shell("exec sleep 1000");
        auto child = fd2::async_spawn(io.get_executor(), host, command);
        asio::cancellation_signal stop;
        const std::string much(1000000, 'x');
        error_code seen;
        asio::async_write(
            child.in(), asio::buffer(much),
            asio::bind_cancellation_slot(stop.slot(), [&](error_code failed, std::size_t) {
                seen = failed;
                child.kill(SIGKILL);
            }));
        asio::post(io, [&] {
            if (close) {
                child.in().close();
            } else {
                stop.emit(asio::cancellation_type::terminal);
            }
        });
        io.run();
        CHECK(seen == asio::error::operation_aborted);
    }
}

TEST_CASE("lines are received one after the other, then the end", "[captures]") {
    const test_host host({"surface=never"});
    asio::io_context io;
    auto command = shell("echo one >&2; echo two >&2; printf three >&2");
    auto early = command.subscribe();
    auto child = fd2::async_spawn(io.get_executor(), host, command);
    fd2::async_stderr_lines lines(io.get_executor(), std::move(early));
    std::vector<std::string> got;
    asio::co_spawn(
        io,
        [&]() -> asio::awaitable<void> {
            for (;;) {
                error_code failed;
                auto line =
                    co_await lines.async_receive(asio::redirect_error(asio::use_awaitable, failed));
                if (failed) {
                    CHECK(failed == asio::error::eof);
                    break;
                }
                got.push_back(line.text);
            }
        },
        asio::detached);
    io.run();
    CHECK(got == std::vector<std::string>{"one", "two", "three"});
    CHECK(lines.sent() == 3);
}

TEST_CASE("a receive is never answered inline, is cancelled without loss, and is one at a time",
          "[captures]") {
    const test_host host({"surface=never"});
    asio::io_context io;
    auto command = shell("read x; echo late >&2");
    auto child = fd2::async_spawn(io.get_executor(), host, command);
    auto lines = child.subscribe();
    CHECK(lines.first() == 1);
    asio::cancellation_signal stop;
    error_code first;
    error_code second;
    std::string text;
    lines.async_receive(
        asio::bind_cancellation_slot(stop.slot(), [&](error_code failed, fd2::stderr_line) {
            first = failed;
            lines.async_receive([&](error_code why, fd2::stderr_line line) {
                CHECK_FALSE(why);
                text = line.text;
            });
            child.in().close();
        }));
    lines.async_receive([&](error_code failed, fd2::stderr_line) {
        second = failed;
        stop.emit(asio::cancellation_type::terminal);
    });
    CHECK_FALSE(second);
    io.run();
    CHECK(first == asio::error::operation_aborted);
    CHECK(second == asio::error::already_started);
    CHECK(text == "late");
}

TEST_CASE("a subscription that goes aborts its receive", "[captures]") {
    const test_host host({"surface=never"});
    asio::io_context io;
    auto command = shell("read x");
    auto child = fd2::async_spawn(io.get_executor(), host, command);
    error_code seen;
    {
        auto lines = child.subscribe();
        lines.async_receive([&](error_code failed, fd2::stderr_line) {
            seen = failed;
            child.in().close();
        });
    }
    io.run();
    CHECK(seen == asio::error::operation_aborted);
}

TEST_CASE("with the flag off an async child captures nothing and its subscribers see the end") {
    const test_host host({}, false);
    asio::io_context io;
    auto command = shell("exit 4");
    auto child = fd2::async_spawn(io.get_executor(), host, command);
    auto lines = child.subscribe();
    error_code seen;
    lines.async_receive([&](error_code failed, fd2::stderr_line) { seen = failed; });
    exit_report report;
    child.async_wait([&](error_code, exit_report got) { report = got; });
    io.run();
    CHECK(seen == asio::error::eof);
    CHECK(report.status == exit_status::exited(4));
    CHECK(report.end == fd2::end_kind::none);
    CHECK(child.stderr_output().empty());
}

TEST_CASE("a spawn that fails says so and leaves nothing") {
    const test_host host;
    asio::io_context io;
    auto command = fd2::ssh_command::from_argv({"/nowhere/ssh"});
    error_code failed;
    CHECK_FALSE(fd2::async_spawn(io.get_executor(), host, command, failed));
    CHECK(failed == boost::system::errc::no_such_file_or_directory);
    CHECK(failed == error_code(ENOENT, boost::system::system_category()));
    CHECK(failed.value() == ENOENT);
    command.backend("/nowhere/gone.so");
    CHECK_FALSE(fd2::async_spawn(io.get_executor(), host, command, failed));
    CHECK(std::error_code(failed) == fd2::errc::unsupported);
    command = fd2::ssh_command::from_argv({"/nowhere/ssh"});
    try {
        fd2::async_spawn(io.get_executor(), host, command);
        FAIL("nothing was thrown");
    } catch (const fd2::error& why) {
        CHECK(why.sys_errno() == ENOENT);
        CHECK(std::string(why.what()).find("/nowhere/ssh") != std::string::npos);
    }
    CHECK_FALSE(has_children());
    CHECK(io.run() == 0);
}

TEST_CASE("an exception of a handler passes through run, and the loop can go on", "[captures]") {
    const test_host host({"surface=never"});
    asio::io_context io;
    auto command = shell("echo x >&2");
    auto child = fd2::async_spawn(io.get_executor(), host, command);
    auto lines = child.subscribe();
    lines.async_receive([](error_code, fd2::stderr_line) { throw std::runtime_error("mine"); });
    CHECK_THROWS_AS(io.run(), std::runtime_error);
    io.run();
    CHECK(child.try_wait() == exit_status::exited(0));
    CHECK(child.stderr_output() == "x\n");
}

TEST_CASE("many children on one thread, and none more than the loop's", "[captures]") {
    const std::size_t alone = threads();
    const test_host host({"surface=never", "forward.mode=off"});
    asio::io_context io;
    constexpr int count = 100;
    std::vector<fd2::AsyncSshTransport> children;
    int good = 0;
    for (int i = 0; i < count; ++i) {
        const std::string id = std::to_string(i);
        auto command = shell("cat; echo err" + id + " >&2; exit " + id);
        children.push_back(fd2::async_spawn(io.get_executor(), host, command));
    }
    CHECK(threads() == alone);
    for (int i = 0; i < count; ++i) {
        auto& child = children[static_cast<std::size_t>(i)];
        asio::co_spawn(
            io,
            [&child, &good, i]() -> asio::awaitable<void> {
                co_await echo(child, 1000);
                const auto [report, last] =
                    co_await child.async_wait_with_stderr(asio::use_awaitable);
                good += report.status == exit_status::exited(i) &&
                        last.bytes == "err" + std::to_string(i) + "\n";
            },
            asio::detached);
    }
    io.run();
    CHECK(good == count);
    CHECK(threads() == alone);
    CHECK_FALSE(has_children());
}

TEST_CASE("many children on a context of several threads", "[captures]") {
    const test_host host({"surface=never", "forward.stall=10s"});
    const eager_reader reader(host.seen);
    std::atomic<int> good{0};
    {
        asio::thread_pool pool(4);
        for (int i = 0; i < 48; ++i) {
            asio::co_spawn(
                asio::make_strand(pool),
                [&host, &good, i]() -> asio::awaitable<void> {
                    auto on = co_await asio::this_coro::executor;
                    auto command = shell(many_lines(300) + "; cat; exit " + std::to_string(i));
                    auto early = command.subscribe();
                    auto child = fd2::async_spawn(on, host, command);
                    co_await echo(child, 100000);
                    const auto [report, last] =
                        co_await child.async_wait_with_stderr(asio::use_awaitable);
                    good += report.status == exit_status::exited(i) && last.total_lines == 300 &&
                            last.forwarded_bytes == last.total_bytes && early.sent() == 300;
                },
                asio::detached);
        }
        pool.join();
    }
    CHECK(good == 48);
}
