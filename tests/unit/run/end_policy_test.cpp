#include "run/end_policy.hpp"

#include "support/catch.hpp"

using namespace fd2;
using runs::linger_until;

TEST_CASE("lingering ends after a silence, and after its limit at the latest") {
    const runs::end_policy policy{25 * millisecond, 1 * second};
    const nanoseconds_t exited = 100 * second;
    CHECK(linger_until(policy, exited, 0) == exited + 25 * millisecond);
    // Bytes from before the exit do not shorten it.
    CHECK(linger_until(policy, exited, exited - second) == exited + 25 * millisecond);
    CHECK(linger_until(policy, exited, exited + 10 * millisecond) == exited + 35 * millisecond);
    CHECK(linger_until(policy, exited, exited + 990 * millisecond) == exited + second);
    // A limit below the silence wins.
    CHECK(linger_until({25 * millisecond, 0}, exited, 0) == exited);
    CHECK(linger_until({never, never}, exited, 0) == never);
}
