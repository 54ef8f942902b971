// Wake-ups: none without a reason, few for a flood of small pieces, and none put off for a line
// that comes alone. Counted by the channel's own counters, not by clocks.
#include <unistd.h>

#include <thread>

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

CHECK_CASE(P11, should, "B8", "a line that comes alone is read at the first wake-up",
           "counts wake-ups") {
    // A read that was put off would cost a second wake-up, or a second read, for each line; on a
    // loaded machine a loop may be woken for nothing now and then.
    const auto v = each_variant();
    INFO(v);
    constexpr std::uint64_t lines = 50;
    recorder into;
    const auto channel = started(v, into);
    const auto end = channel->take_child_end();
    settle(*channel);
    const auto before = channel->info();
    for (std::uint64_t i = 1; i <= lines; ++i) {
        const auto alone = fd2::after(fd2::now(), 2 * fd2::millisecond);
        while (fd2::now() < alone) ::usleep(500);  // what makes it a lone one
        REQUIRE(write_all(end.get(), "a line\n", 7));
        REQUIRE(into.wait_bytes(7 * i));
    }
    settle(*channel);
    const auto after = channel->info();
    constexpr std::uint64_t most = lines + lines / 10;
    CHECK(after.wakeups - before.wakeups >= lines);
    CHECK(after.wakeups - before.wakeups <= most);
    CHECK(after.reads - before.reads >= lines);
    CHECK(after.reads - before.reads <= most);
    CHECK(after.short_reads - before.short_reads <= most);
    CHECK(into.calls() == lines);
    channel->wind_up(FD2_FINISH_NOW, into);
}

CHECK_CASE(P07, should, "B8", "a flood of lines costs far fewer wake-ups than lines",
           "counts wake-ups") {
    const auto v = each_variant();
    INFO(v);
    constexpr std::uint64_t lines = 100000;
    recorder into;
    into.keeps = false;
    const auto channel = started(v, into);
    fd2::unique_fd end = channel->take_child_end();
    child writer(end.get(), [] { return write_pattern(2, 0, lines * 80, 80) ? 0 : 1; });
    end.reset();
    CHECK(channel->join(hang()) == FD2_OK);
    CHECK(writer.wait() == 0);
    CHECK(into.total() == lines * 80);
    const auto info = channel->info();
    CHECK(info.wakeups < lines / 3);
    CHECK(info.reads < lines / 3);
    CHECK(into.violations() == "");
}
