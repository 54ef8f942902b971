// Wake-ups: none without a reason, few for a flood of small pieces, and none put off for a line
// that comes alone. Counted by the channel's own counters, not by clocks.
#include <unistd.h>

#include <thread>

#include "driver.hpp"
#include "world.hpp"

using namespace channel_suite;

namespace {

/// The first look at an empty object is over.
void settle(const driver& channel) {
    const auto until = hang();
    std::uint64_t last = ~std::uint64_t{0};
    while (fd2::now() < until) {
        const auto info = channel.info();
        if (info.reads + info.wakeups == last) return;
        last = info.reads + info.wakeups;
        ::usleep(30000);
    }
}

}  // namespace

TEST_CASE("an idle channel is not woken in a second") {
    const auto v = each_variant();
    INFO(v);
    recorder into;
    const auto channel = started(v, into);
    const auto end = channel->take_child_end();
    REQUIRE(write_all(end.get(), "x", 1));
    REQUIRE(into.wait_bytes(1));
    settle(*channel);
    const auto before = channel->info();
    ::sleep(1);
    const auto after = channel->info();
    CHECK(after.wakeups == before.wakeups);
    CHECK(after.reads == before.reads);
    channel->wind_up(FD2_FINISH_NOW, into);
}

TEST_CASE("a line that comes alone is read at the first wake-up") {
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

TEST_CASE("a flood of lines costs far fewer wake-ups than lines") {
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
