// Without memory: operator new of this program fails on demand.
#include <atomic>
#include <cstdlib>
#include <new>

#include "unit/logging/support.hpp"

namespace {

thread_local bool this_thread_fails = false;
thread_local int this_thread_still_gets = 0;  // before it fails
std::atomic<bool> others_fail{false};
thread_local bool exempt = false;
std::atomic<std::uint64_t> failures{0};

void* allocate(std::size_t size) noexcept {
    const bool fails = this_thread_fails && this_thread_still_gets-- <= 0;
    if (fails || (others_fail.load(std::memory_order_relaxed) && !exempt)) {
        ++failures;
        return nullptr;
    }
    return std::malloc(size == 0 ? 1 : size);
}

}  // namespace

#include "support/failing_new.hpp"

using namespace logging_test;
using fd2::severity;

TEST_CASE_METHOD(log_place, "without memory a log call drops, counts and returns") {
    const auto got_before = GENERATE(0, 1);
    {
        const auto log = open_log(options);
        const auto lines = open_lines(*log);
        // The first record needs a block, which cannot be had.
        failures = 0;
        this_thread_fails = true;
        for (int i = 0; i < 5; ++i) {
            this_thread_still_gets = got_before;
            log->on_event({severity::error, "no memory"});
        }
        this_thread_still_gets = got_before;
        const fd2::flow said = lines->offer(make_line("a line", 1));
        this_thread_still_gets = 0;
        this_thread_fails = false;
        CHECK(failures >= 6);
        CHECK(said == fd2::flow::more);
        CHECK(lines->counts().dropped == 1);
        REQUIRE(tty.wait_for("1 line was not logged: the log queue was full"));
        say(*log, severity::error, "memory again");
    }
    CHECK(tty.count("6 records were not written: the log queue was full") == 1);
    CHECK(contents(options.file).find("memory again") != std::string::npos);
    CHECK(contents(options.file).find("no memory") == std::string::npos);
}

TEST_CASE_METHOD(log_place,
                 "the log thread survives a lack of memory and loses only what it could not hold") {
    {
        const auto log = open_log(options);
        const auto lines = open_lines(*log);
        say(*log, severity::error, "before");
        log->settle(soon());
        exempt = true;
        failures = 0;
        others_fail = true;
        log->on_event({severity::error, "a message that is too long for any small string"});
        const std::string text(600'000, 'x');  // beyond what the log thread holds in reserve
        lines->offer(make_line(text, 1));
        log->settle(soon());
        others_fail = false;
        exempt = false;
        CHECK(failures > 0);
        CHECK(lines->counts().dropped == 1);
        say(*log, severity::error, "after");
    }
    CHECK(tty.count("2 records were not written") == 1);
    CHECK(contents(options.file).find("before") != std::string::npos);
    CHECK(contents(options.file).find("after") != std::string::npos);
}

TEST_CASE("a log that cannot be built for lack of memory is a failure, not an exception") {
    this_thread_fails = true;
    const auto opened = fd2::logging::log::open({});
    this_thread_fails = false;
    REQUIRE_FALSE(opened);
    CHECK(opened.error().sys_errno == ENOMEM);
    CHECK(opened.error().code == fd2::errc::resource);
}
