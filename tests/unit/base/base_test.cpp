#include <chrono>

#include "base/clock.hpp"
#include "base/failure.hpp"
#include "base/home_process.hpp"
#include "base/result.hpp"
#include "support/catch.hpp"

TEST_CASE("poll time-outs round up, saturate and know never") {
    CHECK(fd2::poll_timeout(fd2::never, 0) == -1);
    CHECK(fd2::poll_timeout(5, 10) == 0);
    CHECK(fd2::poll_timeout(fd2::millisecond + 1, 0) == 2);
    CHECK(fd2::after(fd2::never - 1, fd2::second) == fd2::never);
}

TEST_CASE("a result is a value or a failure") {
    fd2::result<int> good(3);
    fd2::result<int> bad(fd2::failure{fd2::errc::config, 0, "x"});
    CHECK(good);
    CHECK(*good == 3);
    CHECK_FALSE(bad);
    CHECK(bad.error().code == fd2::errc::config);
}

TEST_CASE("the clock is the standard library's steady one") {
    const auto before = std::chrono::steady_clock::now();
    const fd2::nanoseconds_t present = fd2::now();
    CHECK(fd2::deadline_of(before) <= present);
    CHECK(present <= fd2::deadline_of(std::chrono::steady_clock::now()));
    CHECK(fd2::deadline_of(fd2::time_point_of(present)) == present);
}

TEST_CASE("a process that is no fork is at home") {
    CHECK(fd2::process_number() > 0);
    CHECK(fd2::home_process().here());
}
