// Backpressure: a pause leaves the bytes in the kernel, and no permit is ever lost.
#include <atomic>
#include <random>

#include "conformance/check.hpp"
#include "conformance/driver.hpp"
#include "conformance/poller.hpp"
#include "conformance/world.hpp"

using namespace fd2::conformance;

namespace {

/// Pauses at every delivery while `pausing` is set.
struct gate {
    recorder into;
    std::atomic<bool> pausing{true};
    gate() {
        into.on_bytes = [this](const std::uint8_t*, std::uint32_t) {
            return pausing ? FD2_PAUSE : FD2_CONTINUE;
        };
    }
};

/// A strand leaves a polled channel less to race.
std::uint64_t permit_rounds(way driven) {
    return scaled(driven == way::thread ? 1000000 : 250000);
}

void spin(std::uint64_t turns) {
    for (std::uint64_t i = 0; i < turns; ++i) std::atomic_signal_fence(std::memory_order_seq_cst);
}

/// Waits until the count is `least`, or for that long.
void wait_until(const std::atomic<std::uint64_t>& count, std::uint64_t least,
                fd2::nanoseconds_t patience) {
    const auto until = fd2::now() + patience;
    while (count.load() < least && fd2::now() < until) std::this_thread::yield();
}

}  // namespace

CHECK_CASE(B21, must, "B3 B9", "after a pause the bytes stay in the kernel until resume",
           "on_bytes returns PAUSE; what is left in the object is counted") {
    const auto v = each_variant();
    INFO(v);
    gate g;
    const auto channel = started(v, g.into);
    const fd2::unique_fd end = channel->take_child_end();
    REQUIRE(write_all(end.get(), "x", 1));
    REQUIRE(g.into.wait_bytes(1));
    // The writer runs into a full object: nobody reads.
    const std::uint64_t held = fill(end.get(), 4096);
    CHECK(held > 0);
    CHECK_SAYS("a full object makes its writers wait, or tells them EAGAIN", held < never_full);
    const std::uint64_t capacity = channel->info().capacity_bytes;
    if (capacity != 0) CHECK(held <= capacity / 10 * 11);
    CHECK(fill(end.get(), 1) < 4096);
    settle(*channel);  // whoever would read has had the time to
    const std::uint64_t reads = channel->info().reads;
    CHECK(g.into.calls() == 1);
    CHECK(reads <= 2);
    g.pausing = false;
    CHECK(channel->resume() == FD2_OK);
    CHECK(g.into.wait_bytes(1 + held));
    channel->wind_up(FD2_FINISH_NOW, g.into);
}

CHECK_CASE(B22, must, "B3 B4", "one resume permits one delivery", "counts deliveries") {
    const auto v = each_variant();
    INFO(v);
    gate g;
    g.into.offers = 1;
    const auto channel = started(v, g.into);
    const fd2::unique_fd end = channel->take_child_end();
    REQUIRE(write_all(end.get(), "abcdefgh", 8));
    REQUIRE(g.into.wait_bytes(1));
    for (std::uint64_t i = 2; i <= 8; ++i) {
        CHECK(channel->resume() == FD2_OK);
        REQUIRE(g.into.wait_bytes(i));
        settle(*channel);  // whoever would deliver more has had the time to
        CHECK(g.into.total() == i);
    }
    channel->wind_up(FD2_FINISH_NOW, g.into);
}

CHECK_CASE(B23, must, "B4", "resume inside on_bytes cancels the pause that follows",
           "calls it there and counts deliveries") {
    const auto v = each_variant();
    INFO(v);
    recorder into;
    std::unique_ptr<driver> channel;
    into.offers = 1;
    into.on_bytes = [&](const std::uint8_t*, std::uint32_t) {
        (void)channel->resume();
        return FD2_PAUSE;
    };
    channel = std::make_unique<driver>(v, into);
    REQUIRE(channel->start() == FD2_OK);
    const fd2::unique_fd end = channel->take_child_end();
    REQUIRE(write_pattern(end.get(), 0, 1000, 10));
    CHECK(into.wait_bytes(1000));
    channel->wind_up(FD2_FINISH_NOW, into);
}

CHECK_CASE(B24, must, "B4", "stray resumes store one permit, not many",
           "calls resume often and counts deliveries") {
    const auto v = each_variant();
    INFO(v);
    gate g;
    g.into.offers = 1;
    const auto channel = started(v, g.into);
    const fd2::unique_fd end = channel->take_child_end();
    for (int i = 0; i < 100; ++i) CHECK(channel->resume() == FD2_OK);
    REQUIRE(write_all(end.get(), "abcdefgh", 8));
    REQUIRE(g.into.wait_bytes(2));  // the first pause found the stored permit
    // The second did not: nothing is read although six bytes lie there.
    settle(*channel);
    CHECK(g.into.total() == 2);
    CHECK(channel->resume() == FD2_OK);
    REQUIRE(g.into.wait_bytes(3));
    settle(*channel);
    CHECK(g.into.total() == 3);
    channel->wind_up(FD2_FINISH_NOW, g.into);
}

CHECK_CASE(K13, must, "B4", "a resume that races the pause is never lost and never doubled",
           "many rounds from two threads") {
    // Each delivery is one byte and asks for a pause; each is answered by exactly one resume, at a
    // moment between the entry of on_bytes and well after the pause. A lost permit hangs, a pause
    // that is ignored delivers more than was permitted.
    const auto v = each_variant();
    INFO(v);
    const std::uint64_t rounds = permit_rounds(v.driven);
    std::atomic<std::uint64_t> entered{0};
    std::atomic<std::uint64_t> permitted{0};
    std::atomic<std::uint64_t> resumed{0};
    std::atomic<std::uint64_t> unpermitted{0};
    std::mt19937_64 jitter(1);
    recorder into;
    into.keeps = false;
    into.offers = 1;
    into.on_bytes = [&](const std::uint8_t*, std::uint32_t) {
        const std::uint64_t n = ++entered;
        if (n > permitted.load() + 1) ++unpermitted;
        spin(jitter() % 64);
        // Now and then the resume certainly comes before on_bytes has returned, however busy the
        // machine is. A strand may let it wait for that return: hence only a moment for its end.
        if (n % 997 == 0) {
            wait_until(permitted, n, fd2::second);
            wait_until(resumed, n, fd2::millisecond);
        }
        return FD2_PAUSE;
    };
    const auto channel = started(v, into);
    fd2::unique_fd end = channel->take_child_end();
    std::thread writer([&] {
        write_pattern(end.get(), 0, rounds, 4096);
        end.reset();
    });
    std::mt19937_64 random(2);
    bool hung = false;
    bool late = false;
    auto until = hang();
    // Rounds take a second; where each waits for a processor among others, minutes.
    const auto enough = fd2::now() + static_cast<fd2::nanoseconds_t>(scaled(320)) * fd2::second;
    for (std::uint64_t n = 1; n <= rounds && !hung && !late; ++n) {
        for (std::uint64_t turns = 0; entered.load() < n && !hung; ++turns) {
            if (turns % 64 == 63) std::this_thread::yield();
            if (turns % 4096 == 4095) hung = fd2::now() > until;
        }
        spin(random() % 256);
        ++permitted;
        (void)channel->resume();
        ++resumed;
        if (n % 4096 == 0) until = hang();  // it goes on
        if (n % 64 == 0) late = n < rounds && fd2::now() > enough;
    }
    CHECK_FALSE(hung);
    if (late) {
        note("the machine is busy: " + std::to_string(resumed) + " of " + std::to_string(rounds) +
             " rounds");
    }
    const bool whole = !hung && !late;
    if (!whole) (void)channel->finish(FD2_FINISH_NOW);
    CHECK(channel->join(hang()) == FD2_OK);
    if (!whole) {  // let the writer out
        CHECK(channel->close() == FD2_OK);
    }
    writer.join();
    CHECK(unpermitted == 0);
    if (whole) {
        CHECK(into.total() == rounds);
        CHECK(into.reason() == FD2_END_EOF);
    }
    CHECK(into.violations() == "");
}

CHECK_CASE(K14, must, "F7 F9", "finish ends a pause: drain delivers what lies there, now does not",
           "finishes while paused") {
    const auto v = each_variant();
    for (const auto mode : {FD2_FINISH_DRAIN, FD2_FINISH_NOW}) {
        INFO(v << ", mode " << mode);
        gate g;
        g.into.keeps = false;
        const auto channel = started(v, g.into);
        const fd2::unique_fd end = channel->take_child_end();
        REQUIRE(write_pattern(end.get(), 0, 1, 1));
        REQUIRE(g.into.wait_bytes(1));
        REQUIRE(write_pattern(end.get(), 1, 5000, 100));
        channel->wind_up(mode, g.into);  // every further PAUSE is read as CONTINUE
        CHECK(g.into.total() == (mode == FD2_FINISH_DRAIN ? 5001 : 1));
        CHECK(g.into.reason() == (mode == FD2_FINISH_DRAIN ? FD2_END_DRAINED : FD2_END_STOPPED));
    }
}

CHECK_CASE(K15, must, "F4 F7", "paused when the last writer leaves: a drain ends as EOF",
           "reads the reason") {
    const auto v = each_variant();
    INFO(v);
    gate g;
    g.into.keeps = false;
    g.into.offers = 64;
    const auto channel = started(v, g.into);
    fd2::unique_fd end = channel->take_child_end();
    REQUIRE(write_pattern(end.get(), 0, 64, 64));
    REQUIRE(g.into.wait_bytes(64));
    REQUIRE(write_pattern(end.get(), 64, 6400 - 64, 1000));
    end.reset();
    channel->wind_up(FD2_FINISH_DRAIN, g.into);
    CHECK(g.into.total() == 6400);
    CHECK(g.into.reason() == FD2_END_EOF);  // merely behind: there is no holder
}

CHECK_CASE(K08, must, "B8 P13", "a paused channel whose writers are gone does not spin",
           "counts wake-ups and CPU time") {
    const auto v = each_variant();
    INFO(v);
    gate g;
    const auto channel = started(v, g.into);
    fd2::unique_fd end = channel->take_child_end();
    REQUIRE(write_all(end.get(), "x", 1));
    REQUIRE(g.into.wait_bytes(1));
    end.reset();  // a hang-up, which poll reports whether asked for or not
    const auto before = channel->info();
    sleep_for(100 * fd2::millisecond);
    const auto after = channel->info();
    CHECK(after.wakeups - before.wakeups <= 2);
    CHECK(after.reads - before.reads <= 2);
    CHECK(g.into.ends() == 0);
    CHECK(channel->resume() == FD2_OK);
    CHECK(channel->join(hang()) == FD2_OK);
    CHECK(g.into.reason() == FD2_END_EOF);
}
