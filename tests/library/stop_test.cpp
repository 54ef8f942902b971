// Limits of a wait, and how a child is brought to its end.
#include <boost/asio.hpp>
#include <fd2/async.hpp>

#include <thread>

#include "library/support.hpp"

using namespace library_test;
namespace asio = boost::asio;
using fd2::exit_status;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

/// Says that it is there, and ends with 9 at SIGTERM.
const char* const polite =
    "trap 'kill $!; echo bye >&2; exit 9' TERM; sleep 1000 & echo ready; wait";
const char* const stubborn = "trap '' TERM; echo ready; exec sleep 1000";

const fd2::stop_actions term_then_kill = {
    {fd2::stop::terminate, seconds(60)}, {fd2::stop::kill, seconds(60)}, {}};

void wait_until_ready(int fd) {
    std::string got;
    char c = 0;
    while (c != '\n') {
        pollfd ready{fd, POLLIN, 0};
        REQUIRE(::poll(&ready, 1, 60000) == 1);
        REQUIRE(::read(fd, &c, 1) == 1);
    }
}

}  // namespace

TEST_CASE("a wait with a limit leaves a child alone that has not ended by then") {
    const test_host host({"surface=never"});
    auto command = shell("read x </proc/self/fd/0; echo late >&2; exit 4");
    auto [child, in, out] = fd2::spawn(host, command).split();
    CHECK_FALSE(child.wait_for(milliseconds(1)));
    CHECK_FALSE(child.wait_for(seconds(-1)));
    CHECK_FALSE(child.wait_until(std::chrono::steady_clock::now()));
    std::error_code failed;
    CHECK_FALSE(child.wait_for(milliseconds(1), failed));
    CHECK_FALSE(failed);
    CHECK_FALSE(child.try_wait());
    in.close();
    // As long as it takes; and the largest limits do not overflow.
    const auto report = child.wait_for(std::chrono::hours::max());
    REQUIRE(report);
    CHECK(report->status == exit_status::exited(4));
    CHECK(report->record.output() == "late\n");
}

TEST_CASE("every further wait of the sync transport returns the same report") {
    const test_host host({"surface=never"});
    auto command = shell("echo x >&2; exit 5");
    auto child = fd2::spawn(host, command);
    const auto first = child.wait();
    CHECK(first.status == exit_status::exited(5));
    std::error_code failed;
    const auto second = child.wait(failed);
    CHECK_FALSE(failed);
    CHECK(second.status == first.status);
    CHECK(second.lasted == first.lasted);
    CHECK(second.record.output() == "x\n");
    CHECK(child.wait_for(seconds(0))->status == first.status);
    CHECK(child.wait_with_stderr().second.bytes == "x\n");
    CHECK(child.stop()->status == first.status);
    CHECK(child.try_wait() == first.status);
    child.kill(0, failed);
    CHECK(failed == std::errc::no_such_process);
}

TEST_CASE("a stop does one action after the other, and leaves off at the child's end") {
    const test_host host({"surface=never"});
    SECTION("SIGTERM is enough") {
        auto command = shell(polite);
        auto child = fd2::spawn(host, command);
        wait_until_ready(child.out().native_handle());
        const auto report = child.stop(term_then_kill);
        REQUIRE(report);
        CHECK(report->status == exit_status::exited(9));
        CHECK(child.stderr_output() == "bye\n");
    }
    SECTION("SIGTERM is not enough") {
        auto command = shell(stubborn);
        auto child = fd2::spawn(host, command);
        wait_until_ready(child.out().native_handle());
        const auto report =
            child.stop({{fd2::stop::terminate, milliseconds(20)}, {}, {fd2::stop::kill}});
        REQUIRE(report);
        CHECK(report->status == exit_status::signalled(SIGKILL, false));
    }
    SECTION("nothing is enough: the child runs on") {
        auto command = shell(stubborn);
        auto child = fd2::spawn(host, command);
        wait_until_ready(child.out().native_handle());
        CHECK_FALSE(child.stop(
            {{fd2::stop::wait, milliseconds(1)}, {fd2::stop::terminate, milliseconds(1)}, {}}));
        CHECK_FALSE(child.try_wait());
        // The zero value is the default: it ends.
        CHECK(child.stop()->status == exit_status::signalled(SIGKILL, false));
    }
    CHECK_FALSE(has_children());
}

TEST_CASE("a destructor of the sync transport follows the command's stop actions") {
    const test_host host({"surface=never"});
    fd2::stderr_record record;
    {
        auto command = shell(polite).stop(term_then_kill);
        auto child = fd2::spawn(host, command);
        wait_until_ready(child.out().native_handle());
        record = child.record();
    }
    CHECK(record.output() == "bye\n");
    {
        // Actions that are not enough do not leave a child behind.
        auto command = shell(stubborn).stop({{fd2::stop::terminate, milliseconds(1)}, {}, {}});
        auto child = fd2::spawn(host, command);
        wait_until_ready(child.out().native_handle());
    }
    CHECK_FALSE(has_children());
}

TEST_CASE("a stop of the async transport shows in the wait", "[captures]") {
    const test_host host({"surface=never"});
    asio::io_context io;
    auto soft = shell(polite);
    auto hard = shell(stubborn);
    auto one = fd2::async_spawn(io.get_executor(), host, soft);
    auto other = fd2::async_spawn(io.get_executor(), host, hard);
    wait_until_ready(one.out().native_handle());
    wait_until_ready(other.out().native_handle());
    int ended = 0;
    one.async_wait([&](boost::system::error_code failed, const fd2::exit_report& report) {
        CHECK_FALSE(failed);
        CHECK(report.status == exit_status::exited(9));
        ++ended;
    });
    other.async_wait([&](boost::system::error_code failed, const fd2::exit_report& report) {
        CHECK_FALSE(failed);
        CHECK(report.status == exit_status::signalled(SIGKILL, false));
        ++ended;
    });
    one.stop(term_then_kill);
    other.stop({{fd2::stop::terminate, milliseconds(20)}, {fd2::stop::kill, seconds(60)}, {}});
    io.run();
    CHECK(ended == 2);
    CHECK(one.stderr_output() == "bye\n");
}

TEST_CASE("a destructor of the async transport follows the command's stop actions", "[captures]") {
    const test_host host({"surface=never"});
    asio::io_context io;
    std::vector<fd2::stderr_record> records;
    for (const char* script : {polite, stubborn}) {
        auto command = shell(script).stop(
            {{fd2::stop::terminate, script == polite ? seconds(60) : milliseconds(20)}, {}, {}});
        auto child = fd2::async_spawn(io.get_executor(), host, command);
        wait_until_ready(child.out().native_handle());
        records.push_back(child.record());
    }
    CHECK(has_children());
    io.run();
    CHECK_FALSE(has_children());
    CHECK(records[0].output() == "bye\n");
}

TEST_CASE("a context that goes does not wait for stop actions") {
    const test_host host({"surface=never"});
    {
        asio::io_context io;
        {
            auto command = shell(stubborn).stop({{fd2::stop::wait, milliseconds::max()}, {}, {}});
            auto child = fd2::async_spawn(io.get_executor(), host, command);
            wait_until_ready(child.out().native_handle());
        }
        io.poll();
        CHECK(has_children());
    }
    CHECK_FALSE(has_children());
}
