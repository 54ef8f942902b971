// What writers that remain see of the end.
#include "conformance/check.hpp"
#include "conformance/driver.hpp"
#include "conformance/world.hpp"

using namespace fd2::conformance;

CHECK_CASE(H04, must, "F8 C3",
           "remaining writers see no error while the channel is open, where that is claimed",
           "writes to the child's end after the end and after close, where it must fail") {
    const auto v = each_variant();
    NEEDS(v.tested->claims(FD2_CAP_KEEPS_WRITERS), "does not claim KEEPS_WRITERS");
    INFO(v);
    recorder into;
    const auto channel = started(v, into);
    const fd2::unique_fd end = channel->take_child_end();
    CHECK(channel->finish(FD2_FINISH_DRAIN) == FD2_OK);
    CHECK(channel->join(hang()) == FD2_OK);
    CHECK(into.reason() == FD2_END_DRAINED);
    for (int i = 0; i < 3; ++i) CHECK(write_all(end.get(), "late", 4));
    CHECK(channel->close() == FD2_OK);
    const auto until = hang();
    bool fails = false;
    while (!fails && fd2::now() < until) fails = !write_all(end.get(), "too late", 8);
    CHECK_SAYS("a write after the close fails: nothing holds the read end any more", fails);
    CHECK(into.total() == 0);
    CHECK(into.violations() == "");
}
