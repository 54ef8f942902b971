// Backpressure: a pause leaves the bytes in the kernel, and no permit is ever lost.
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <random>

#include "driver.hpp"
#include "world.hpp"

using namespace channel_suite;

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

/// FD2_TEST_PERMITS=1000000 is the long run. A strand leaves a polled channel less to race.
std::uint64_t permit_rounds(way by) {
    const char* given = std::getenv("FD2_TEST_PERMITS");
    if (given != nullptr) return std::strtoull(given, nullptr, 10);
    return by == way::thread ? 200000 : 50000;
}

void spin(std::uint64_t turns) {
    for (std::uint64_t i = 0; i < turns; ++i) std::atomic_signal_fence(std::memory_order_seq_cst);
}

}  // namespace

TEST_CASE("after a pause the bytes stay in the kernel until resume") {
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
    CHECK(held <= channel->info().capacity_bytes / 10 * 11);
    CHECK(fill(end.get(), 1) < 4096);
    const std::uint64_t reads = channel->info().reads;
    CHECK(g.into.calls() == 1);
    CHECK(reads <= 2);
    g.pausing = false;
    CHECK(channel->resume() == FD2_OK);
    CHECK(g.into.wait_bytes(1 + held));
    channel->wind_up(FD2_FINISH_NOW, g.into);
}

TEST_CASE("one resume permits one delivery") {
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
        CHECK(g.into.total() == i);
    }
    channel->wind_up(FD2_FINISH_NOW, g.into);
}

TEST_CASE("resume inside on_bytes cancels the pause that follows") {
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

TEST_CASE("stray resumes store one permit, not many") {
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
    const auto settled = [&] {
        const auto until = hang();
        for (std::uint64_t last = channel->info().wakeups;;) {
            ::usleep(20000);
            const std::uint64_t now = channel->info().wakeups;
            if (now == last || fd2::now() > until) return;
            last = now;
        }
    };
    settled();
    CHECK(g.into.total() == 2);
    CHECK(channel->resume() == FD2_OK);
    REQUIRE(g.into.wait_bytes(3));
    settled();
    CHECK(g.into.total() == 3);
    channel->wind_up(FD2_FINISH_NOW, g.into);
}

TEST_CASE("a resume that races the pause is never lost and never doubled") {
    // Each delivery is one byte and asks for a pause; each is answered by exactly one resume, at a
    // moment between the entry of on_bytes and well after the pause. A lost permit hangs, a pause
    // that is ignored delivers more than was permitted.
    const auto v = each_variant();
    INFO(v);
    const std::uint64_t rounds = permit_rounds(v.by);
    std::atomic<std::uint64_t> entered{0};
    std::atomic<std::uint64_t> permitted{0};
    std::atomic<std::uint64_t> unpermitted{0};
    std::mt19937_64 jitter(1);
    recorder into;
    into.keeps = false;
    into.offers = 1;
    into.on_bytes = [&](const std::uint8_t*, std::uint32_t) {
        const std::uint64_t n = ++entered;
        if (n > permitted.load() + 1) ++unpermitted;
        spin(jitter() % 64);
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
    auto until = hang();
    for (std::uint64_t n = 1; n <= rounds && !hung; ++n) {
        for (std::uint64_t turns = 0; entered.load() < n && !hung; ++turns) {
            if (turns % 64 == 63) std::this_thread::yield();
            if (turns % 4096 == 4095) hung = fd2::now() > until;
        }
        spin(random() % 256);
        ++permitted;
        (void)channel->resume();
        if (n % 4096 == 0) until = hang();  // it goes on
    }
    CHECK_FALSE(hung);
    if (hung) (void)channel->finish(FD2_FINISH_NOW);
    CHECK(channel->join(hang()) == FD2_OK);
    if (hung) {  // let the writer out
        CHECK(channel->close() == FD2_OK);
    }
    writer.join();
    CHECK(unpermitted == 0);
    CHECK(into.total() == rounds);
    CHECK(into.reason() == FD2_END_EOF);
    CHECK(into.violations() == "");
}

TEST_CASE("finish ends a pause: drain delivers what lies there, now does not") {
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

TEST_CASE("paused when the last writer leaves: a drain ends as EOF") {
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

TEST_CASE("a paused channel whose writers are gone does not spin") {
    const auto v = each_variant();
    INFO(v);
    gate g;
    const auto channel = started(v, g.into);
    fd2::unique_fd end = channel->take_child_end();
    REQUIRE(write_all(end.get(), "x", 1));
    REQUIRE(g.into.wait_bytes(1));
    end.reset();  // a hang-up, which poll reports whether asked for or not
    const auto before = channel->info();
    ::usleep(100000);
    const auto after = channel->info();
    CHECK(after.wakeups - before.wakeups <= 2);
    CHECK(after.reads - before.reads <= 2);
    CHECK(g.into.ends() == 0);
    CHECK(channel->resume() == FD2_OK);
    CHECK(channel->join(hang()) == FD2_OK);
    CHECK(g.into.reason() == FD2_END_EOF);
}
