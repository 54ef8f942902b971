// What is valid, but may not do what was meant.
#include "settings/remarks.hpp"

#include "support.hpp"
#include "support/catch.hpp"

using namespace fd2::settings;

TEST_CASE("what may not do what was meant is remarked on") {
    CHECK_FALSE(remark_on_switch(test::load({})));
    CHECK_FALSE(remark_on_flag(test::load({})));
    const auto off = remark_on_switch(test::load({"FD2_DISABLE=1"}));
    REQUIRE(off);
    CHECK(off->text() ==
          "FD2_DISABLE: warning: enabled: fd2 is disabled: commands run as without "
          "it; remove this to enable it");
    const auto idle = remark_on_flag(test::load({"FD2_FEATURES=ssh-socketpair-stderr=off"}));
    REQUIRE(idle);
    CHECK(idle->message == "has no effect on fd2 run, because transport is sync (built-in)");
    const auto nothing = remark_on_flag(
        test::load({"FD2_FEATURES=ssh-socketpair-stderr=off", "FD2_TRANSPORT=async"}));
    REQUIRE(nothing);
    CHECK(nothing->message ==
          "off, and so nothing is captured, because transport is async (FD2_TRANSPORT)");
    CHECK_FALSE(remark_on_flag(
        test::load({"FD2_FEATURES=ssh-socketpair-stderr=on", "FD2_TRANSPORT=async"})));
}
