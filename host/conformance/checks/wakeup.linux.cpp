// The context switches of a channel's threads.
#include <unistd.h>

#include "conformance/check.hpp"
#include "conformance/driver.hpp"
#include "conformance/world.hpp"

using namespace fd2::conformance;

namespace {

/// How often the threads of this process but the calling one have been switched to.
std::uint64_t switches() {
    std::uint64_t sum = 0;
    for (const auto& [tid, each] : tasks()) {
        if (tid != ::gettid()) sum += each.switches;
    }
    return sum;
}

}  // namespace

CHECK_CASE(K24, must, "B8", "an idle channel is not woken in a second",
           "reads the context switches of its threads") {
    const auto v = each_variant();
    INFO(v);
    // What wakes without a channel: a sanitizer has a thread of its own.
    const auto idle_before = switches();
    ::sleep(1);
    const auto idle = switches() - idle_before;
    recorder into;
    const auto channel = started(v, into);
    const auto end = channel->take_child_end();
    REQUIRE(write_all(end.get(), "x", 1));
    REQUIRE(into.wait_bytes(1));
    settle(*channel);
    const auto before = channel->info();
    const auto switches_before = switches();
    ::sleep(1);
    const auto after = channel->info();
    // Once for a thread that was still on its way to sleep; a driver's loop polls without an end.
    CHECK(switches() <= switches_before + 2 * idle + 2);
    CHECK(after.wakeups == before.wakeups);
    CHECK(after.reads == before.reads);
    channel->wind_up(FD2_FINISH_NOW, into);
}
