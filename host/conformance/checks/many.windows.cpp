// Many channels at once on one loop.
#include <memory>
#include <vector>

#include "conformance/check.hpp"
#include "conformance/driver.hpp"
#include "conformance/world.hpp"

using namespace fd2::conformance;

CHECK_CASE(H02, must, "T6 C3", "two hundred channels at once run on the threads of one",
           "counts threads while all of them carry bytes") {
    const auto& each = tested();
    NEEDS(each->claims(FD2_CAP_EVENT_LOOP), "does not claim EVENT_LOOP");
    constexpr std::size_t count = 200;
    std::vector<std::unique_ptr<recorder>> into;
    std::vector<std::unique_ptr<driver>> channels;
    std::vector<fd2::unique_fd> ends;
    std::size_t threads_of_one = 0;
    for (std::size_t i = 0; i < count; ++i) {
        into.push_back(std::make_unique<recorder>());
        channels.push_back(started({each, way::thread}, *into.back()));
        ends.push_back(channels.back()->take_child_end());
        REQUIRE(write_all(ends.back().get(), "x", 1));
        REQUIRE(into.back()->wait_bytes(1));
        if (i == 10) threads_of_one = tasks().size();  // more than the loops that are allowed
    }
    CHECK(tasks().size() == threads_of_one);
    for (std::size_t i = 0; i < count; ++i) {
        ends[i].reset();
        CHECK(channels[i]->join(hang()) == FD2_OK);
        CHECK(into[i]->reason() == FD2_END_EOF);
        CHECK(channels[i]->close() == FD2_OK);
    }
}
