// Every usual way to wait for a child's end, one function each. Any completion token of Asio works.
#include <fd2/async.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <csignal>
#include <cstdio>
#include <future>
#include <list>
#include <string>
#include <thread>
#include <vector>

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

/// A child that needs no other host.
fd2::ssh_command shell(const std::string& line) {
    return fd2::ssh_command::from_argv({"sh", "-c", line});
}

void callback(const fd2::host& host) {
    asio::io_context io;
    fd2::ssh_command command = shell("echo oops >&2; exit 3");
    fd2::AsyncSshTransport child = fd2::async_spawn(io.get_executor(), host, command);
    child.async_wait([&](error_code failed, const fd2::exit_report& report) {
        if (failed) return;
        std::printf("callback: %s, %s", fd2::text_of(report.status).c_str(),
                    report.record.output().c_str());
    });
    io.run();
}

void future(const fd2::host& host) {
    asio::io_context io;
    std::jthread loop;
    const auto work = asio::make_work_guard(io);
    loop = std::jthread([&] { io.run(); });
    fd2::ssh_command command = shell("exit 4");
    fd2::AsyncSshTransport child = fd2::async_spawn(io.get_executor(), host, command);
    // Not on the thread that runs the loop: it would wait for itself.
    std::future<fd2::exit_report> ended = child.async_wait(asio::use_future);
    std::printf("future: %s\n", fd2::text_of(ended.get().status).c_str());
}

asio::awaitable<void> wait_in_coroutine(const fd2::host& host) {
    fd2::ssh_command command = shell("echo one >&2; echo two >&2");
    auto child = fd2::async_spawn(co_await asio::this_coro::executor, host, command);
    // An error of the wait is thrown as boost::system::system_error.
    auto [report, last] = co_await child.async_wait_with_stderr(asio::use_awaitable);
    std::printf("co_await: %s, %llu lines\n", fd2::text_of(report.status).c_str(),
                static_cast<unsigned long long>(last.total_lines));
}

void coroutine(const fd2::host& host) {
    asio::io_context io;
    asio::co_spawn(io, wait_in_coroutine(host), [](const std::exception_ptr& thrown) {
        if (thrown) std::rethrow_exception(thrown);  // out of io.run()
    });
    io.run();
}

void cancellation_slot(const fd2::host& host) {
    asio::io_context io;
    fd2::ssh_command command = shell("exec sleep 1000");
    fd2::AsyncSshTransport child = fd2::async_spawn(io.get_executor(), host, command);
    asio::cancellation_signal stop;
    child.async_wait(
        asio::bind_cancellation_slot(stop.slot(), [&](error_code failed, const fd2::exit_report&) {
            // Only the wait has ended. The child is still running, and can be waited for again.
            std::printf("cancellation slot: %s\n",
                        failed == asio::error::operation_aborted ? "cancelled" : "not cancelled");
            child.kill(SIGTERM);
            child.async_wait([](error_code, const fd2::exit_report& report) {
                std::printf("cancellation slot: %s\n", fd2::text_of(report.status).c_str());
            });
        }));
    asio::post(io, [&] { stop.emit(asio::cancellation_type::terminal); });
    io.run();
}

asio::awaitable<void> ended_or_late(const fd2::host& host) {
    using namespace asio::experimental::awaitable_operators;
    const auto on = co_await asio::this_coro::executor;
    fd2::ssh_command command = shell("exec sleep 1000");
    fd2::AsyncSshTransport child = fd2::async_spawn(on, host, command);
    asio::steady_timer limit(on, std::chrono::milliseconds(20));
    const auto first =
        co_await (child.async_wait(asio::use_awaitable) || limit.async_wait(asio::use_awaitable));
    if (first.index() == 1) {
        error_code gone;  // it may have ended in between
        child.kill(SIGTERM, gone);
    }
    const fd2::exit_report report = co_await child.async_wait(asio::use_awaitable);
    std::printf("time limit: %s\n", fd2::text_of(report.status).c_str());
}

void time_limit(const fd2::host& host) {
    asio::io_context io;
    asio::co_spawn(io, ended_or_late(host), asio::detached);
    io.run();
}

void strand(const fd2::host& host) {
    asio::thread_pool pool(4);
    // Handlers of many children share `failures` without a lock: they run on one strand, whatever
    // the threads.
    auto together = asio::make_strand(pool);
    int failures = 0;
    std::list<fd2::AsyncSshTransport> children;
    for (int i = 0; i < 8; ++i) {
        fd2::ssh_command command = shell("exit " + std::to_string(i % 2));
        children.push_back(fd2::async_spawn(pool.get_executor(), host, command));
        children.back().async_wait(
            asio::bind_executor(together, [&](error_code failed, const fd2::exit_report& report) {
                if (failed || !report.success()) ++failures;
            }));
    }
    pool.join();
    std::printf("strand: %d of 8 failed\n", failures);
}

void detached(const fd2::host& host) {
    asio::io_context io;
    fd2::ssh_command command = shell("echo unheard >&2");
    fd2::AsyncSshTransport child = fd2::async_spawn(io.get_executor(), host, command);
    // No handler is called. The child object must outlive the loop, because its destructor would
    // kill the child; the loop runs until the child has been collected.
    child.async_wait(asio::detached);
    io.run();
    std::printf("detached: %s, %s", fd2::text_of(child.try_wait().value()).c_str(),
                child.stderr_output().c_str());
}

void multi_threaded(const fd2::host& host) {
    asio::io_context io;
    std::list<fd2::AsyncSshTransport> children;
    std::vector<std::future<fd2::exit_report>> ended;
    for (int i = 0; i < 20; ++i) {
        fd2::ssh_command command = shell("exit " + std::to_string(i));
        children.push_back(fd2::async_spawn(io.get_executor(), host, command));
        ended.push_back(children.back().async_wait(asio::use_future));
    }
    int sum = 0;
    {
        // Each child has a strand of its own; one object is still for one thread at a time.
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i) threads.emplace_back([&] { io.run(); });
        for (auto& one : ended) sum += one.get().status.code();
    }
    std::printf("multi-threaded: the statuses of 20 add up to %d\n", sum);
}

}  // namespace

int main() {
    try {
        fd2::host_options options;
        // Stderr is only captured here, so the flag is set: it is on by default only on Linux.
        options.set = {"features.ssh-socketpair-stderr=true", "forward.mode=off", "surface=never"};
        const fd2::host host(options);
        callback(host);
        future(host);
        coroutine(host);
        cancellation_slot(host);
        time_limit(host);
        strand(host);
        detached(host);
        multi_threaded(host);
        return 0;
    } catch (const std::exception& failed) {
        std::fprintf(stderr, "async-forms: %s\n", failed.what());
        return 1;
    }
}
