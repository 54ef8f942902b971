// Wake-ups: none without a reason, few for a flood of small pieces, and none put off for a line
// that comes alone. Counted by the channel's own counters, not by clocks.
#include <thread>

#include "conformance/check.hpp"
#include "conformance/driver.hpp"
#include "conformance/poller.hpp"
#include "conformance/world.hpp"

using namespace fd2::conformance;

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
        while (fd2::now() < alone) sleep_for(500 * fd2::microsecond);  // what makes it a lone one
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

namespace {
const deed writes_lines("writes lines", [](std::uint64_t count, std::uint64_t) {
    return write_pattern(child_stderr(), 0, count * 80, 80) ? 0 : 1;
});
}  // namespace

CHECK_CASE(P07, should, "B8", "a flood of lines costs far fewer wake-ups than lines",
           "counts wake-ups") {
    const auto v = each_variant();
    INFO(v);
    constexpr std::uint64_t lines = 100000;
    recorder into;
    into.keeps = false;
    const auto channel = started(v, into);
    fd2::unique_fd end = channel->take_child_end();
    child writer(end.get(), writes_lines, lines);
    end.reset();
    CHECK(channel->join(hang()) == FD2_OK);
    CHECK(writer.wait() == 0);
    CHECK(into.total() == lines * 80);
    const auto info = channel->info();
    CHECK(info.wakeups < lines / 3);
    CHECK(info.reads < lines / 3);
    CHECK(into.violations() == "");
}
