#include <fd2/exit_status.hpp>

#include "base/signal_set.hpp"
#include "support/catch.hpp"

TEST_CASE("a status may need all 32 bits") {
    constexpr auto crashed = fd2::exit_status::exited(static_cast<int>(0xC0000005));
    CHECK(fd2::text_of(crashed) == "status 0xC0000005");
    CHECK_FALSE(crashed.success());
    CHECK(fd2::shell_code(crashed) == static_cast<int>(0xC0000005));
    CHECK(fd2::text_of(fd2::exit_status::exited(4711)) == "status 4711");
}

TEST_CASE("a signal set holds 1 to 64 and nothing else") {
    fd2::signal_set set;
    set.add(1).add(33).add(64).add(0).add(65).add(-1);
    CHECK(set.bits() == ((1ull << 0) | (1ull << 32) | (1ull << 63)));
    CHECK(set.has(33));
    CHECK_FALSE(set.has(0));
    CHECK_FALSE(set.remove(33).has(33));
}
