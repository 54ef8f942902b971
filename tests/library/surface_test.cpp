// What a failed child's record does on our own stderr.
#include "library/support.hpp"

using namespace library_test;

namespace {
const std::string failing = "printf 'one\\ntwo' >&2; exit 7";
}

TEST_CASE("what was forwarded is not shown again") {
    const test_host host;
    auto command = shell(failing);
    CHECK_FALSE(fd2::spawn(host, command).wait().success());
    CHECK(host.seen.take() == "one\ntwo");
}

TEST_CASE("a failure whose stderr was not forwarded is shown once, after wait and after drop") {
    for (const bool waited : {true, false}) {
        const test_host host({"forward.mode=off"});
        {
            auto command = shell(failing);
            auto child = fd2::spawn(host, command);
            if (waited) child.wait();
        }
        CHECK(host.seen.take() == "sh process exited with status 7:\none\ntwo\n");
    }
}

TEST_CASE("success shows nothing, nor does surface: never; surface: always shows it again") {
    {
        const test_host host({"forward.mode=off"});
        auto command = shell("echo fine >&2");
        fd2::spawn(host, command).wait();
        CHECK(host.seen.take().empty());
    }
    {
        const test_host host({"forward.mode=off", "surface=never"});
        auto command = shell(failing);
        fd2::spawn(host, command).wait();
        CHECK(host.seen.take().empty());
    }
    const test_host host({"surface=always"});
    auto command = shell("echo gone >&2; kill -9 $$");
    fd2::spawn(host, command).wait();
    CHECK(host.seen.take() == "gone\nsh process was killed by signal SIGKILL:\ngone\n");
}

TEST_CASE("a stuck stderr delays the wait by its stall limit and loses nothing of the record") {
    const test_host host({"forward.stall=50ms"});
    host.seen.fill();
    auto command = shell(failing);
    const auto [report, last] = fd2::spawn(host, command).wait_with_stderr();
    CHECK(last.bytes == "one\ntwo");
    CHECK(last.forward_dropped == 7);
    CHECK(report.forward_dropped == 7);
    CHECK(report.forwarded_bytes == 0);
}

TEST_CASE("a closed stderr changes nothing, and raises no signal") {
    test_host host;
    host.seen.close_read();
    auto command = shell(failing);
    const auto [report, last] = fd2::spawn(host, command).wait_with_stderr();
    CHECK(report.status == fd2::exit_status::exited(7));
    CHECK(last.bytes == "one\ntwo");
    sigset_t pending;
    REQUIRE(::sigpending(&pending) == 0);
    CHECK(::sigismember(&pending, SIGPIPE) == 0);
}

TEST_CASE("a number that was not open at the start is not written to later") {
    const test_pipe data;
    const int number = ::dup(data.write_end());
    ::close(number);
    const fd2::host host(test_host::options({"surface=always"}, flag_under_test(), number));
    REQUIRE(::dup2(data.write_end(), number) == number);
    {
        auto command = shell(failing);
        auto child = fd2::spawn(host, command);
        CHECK(child.wait().status == fd2::exit_status::exited(7));
    }
    {
        auto command = shell(failing);
        const auto dropped = fd2::spawn(host, command);
    }
    CHECK(data.take().empty());
    ::close(number);
}
