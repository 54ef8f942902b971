// The end: a drain delivers what was there, holders cannot prolong it, and on_end tells the truth.
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>

#include "driver.hpp"
#include "world.hpp"

using namespace channel_suite;

namespace {

/// Pauses from the first delivery on, so that what is written then lies in the object.
struct held {
    recorder into;
    std::unique_ptr<driver> channel;
    fd2::unique_fd end;

    explicit held(const variant& v) {
        into.keeps = false;
        into.on_bytes = [](const std::uint8_t*, std::uint32_t) { return FD2_PAUSE; };
        channel = started(v, into);
        end = channel->take_child_end();
        REQUIRE(write_pattern(end.get(), 0, 1, 1));
        REQUIRE(into.wait_bytes(1));
    }
};

}  // namespace

TEST_CASE("draining an idle channel ends at once, writers or not") {
    const auto v = each_variant();
    INFO(v);
    {
        recorder into;
        const auto channel = started(v, into);
        const auto end = channel->take_child_end();
        channel->wind_up(FD2_FINISH_DRAIN, into);
        CHECK(into.reason() == FD2_END_DRAINED);
        CHECK(into.total() == 0);
    }
    {
        recorder into;
        const auto channel = started(v, into);
        channel->take_child_end().reset();
        CHECK(channel->join(hang()) == FD2_OK);
        CHECK(into.reason() == FD2_END_EOF);
        CHECK(channel->finish(FD2_FINISH_DRAIN) == FD2_OK);  // after EOF: nothing happens
        CHECK(channel->finish(FD2_FINISH_NOW) == FD2_OK);
        CHECK(into.reason() == FD2_END_EOF);
        CHECK(channel->close() == FD2_OK);
        CHECK(into.violations() == "");
    }
}

TEST_CASE("a drain delivers exactly what lies there when nobody writes on") {
    const auto v = each_variant();
    for (const std::uint64_t size : {1U, 2U, 4095U, 4096U, 4097U, 16384U, 30000U, 65000U}) {
        for (const std::uint32_t offers : {0u, 1000u, 65536u}) {
            INFO(v << ", " << size << " bytes, reserving " << offers);
            held h(v);
            h.into.offers = offers;
            REQUIRE(write_pattern(h.end.get(), 1, size, 65536));
            h.channel->wind_up(FD2_FINISH_DRAIN, h.into);
            CHECK(h.into.total() == 1 + size);
            CHECK(h.into.reason() == FD2_END_DRAINED);
        }
    }
}

TEST_CASE("a drain delivers all that the object holds, also what is still under way in it") {
    const auto v = each_variant();
    INFO(v);
    for (int round = 0; round < 5; ++round) {
        held h(v);
        const std::uint64_t size = fill_pattern(h.end.get(), 1, 30000);
        h.channel->wind_up(FD2_FINISH_DRAIN, h.into);
        CHECK(h.into.total() == 1 + size);
        CHECK(h.into.reason() == FD2_END_DRAINED);
    }
}

TEST_CASE("a reader that was merely behind reports EOF, not a holder") {
    const auto v = each_variant();
    for (const std::uint64_t size : {0U, 1U, 5000U, 60000U}) {
        INFO(v << ", " << size << " bytes");
        held h(v);
        REQUIRE(write_pattern(h.end.get(), 1, size, 4096));
        h.end.reset();
        h.channel->wind_up(FD2_FINISH_DRAIN, h.into);
        CHECK(h.into.total() == 1 + size);
        CHECK(h.into.reason() == FD2_END_EOF);
    }
}

TEST_CASE("a flooding grandchild cannot prolong the drain, and the child's bytes are complete") {
    const auto v = each_variant();
    const int flooders = GENERATE(1, 8);
    for (int round = 0; round < 3; ++round) {
        INFO(v << ", " << flooders << " flooders, round " << round);
        recorder into;
        into.keeps = true;
        const auto channel = started(v, into);
        fd2::unique_fd end = channel->take_child_end();
        // Records of one byte each: 'c' from the child, 'g' from the grandchildren.
        constexpr int records = 5000;
        std::vector<std::unique_ptr<child>> holders;
        for (int i = 0; i < flooders; ++i) {
            holders.push_back(std::make_unique<child>(end.get(), [] {
                static char flood[4096];
                std::memset(flood, 'g', sizeof(flood));
                while (write_all(2, flood, sizeof(flood))) {
                }
                return 0;
            }));
        }
        REQUIRE(into.wait_bytes(4096));
        child writer(end.get(), [] {
            static char record[100];
            std::memset(record, 'c', sizeof(record));
            for (int i = 0; i < records / 100; ++i) {
                if (!write_all(2, record, sizeof(record))) return 1;
            }
            return 0;
        });
        CHECK(writer.wait() == 0);
        const auto info = channel->info();
        const std::uint64_t before = into.total();
        CHECK(channel->finish(FD2_FINISH_DRAIN) == FD2_OK);
        CHECK(channel->join(hang()) == FD2_OK);
        CHECK(into.reason() == FD2_END_DRAINED);
        const std::string got = into.bytes();
        CHECK(std::count(got.begin(), got.end(), 'c') == records);
        // What the object held, the read that was under way, and at most two more buffers.
        CHECK(got.size() - before <= 2 * info.capacity_bytes + 3 * 65536);
        CHECK(channel->close() == FD2_OK);
        CHECK(into.violations() == "");
    }
}

TEST_CASE("finish is idempotent, from eight threads as from one") {
    const auto v = each_variant();
    for (int round = 0; round < 50; ++round) {
        INFO(v << ", round " << round);
        held h(v);
        REQUIRE(write_pattern(h.end.get(), 1, 3000, 100));
        std::atomic<int> wrong{0};
        std::vector<std::thread> threads;
        for (int i = 0; i < 8; ++i) {
            threads.emplace_back([&] { wrong += h.channel->finish(FD2_FINISH_DRAIN) != FD2_OK; });
        }
        for (auto& each : threads) each.join();
        CHECK(wrong == 0);
        h.channel->wind_up(FD2_FINISH_DRAIN, h.into);
        CHECK(h.into.total() == 3001);
        CHECK(h.into.reason() == FD2_END_DRAINED);
    }
}

TEST_CASE("finish that races the end of the stream succeeds and ends it once") {
    const auto v = each_variant();
    int eof = 0;
    int other = 0;
    for (int round = 0; round < 300; ++round) {
        INFO(v << ", round " << round);
        recorder into;
        into.keeps = false;
        const auto channel = started(v, into);
        fd2::unique_fd end = channel->take_child_end();
        REQUIRE(write_pattern(end.get(), 0, 100, 100));
        std::thread closer([&] { end.reset(); });
        const auto mode = round % 2 == 0 ? FD2_FINISH_DRAIN : FD2_FINISH_NOW;
        const std::int32_t code = channel->finish(mode);
        closer.join();
        REQUIRE(code == FD2_OK);
        REQUIRE(channel->join(hang()) == FD2_OK);
        REQUIRE(into.ends() == 1);
        REQUIRE(into.violations() == "");
        if (mode == FD2_FINISH_DRAIN) REQUIRE(into.total() == 100);
        ++(into.reason() == FD2_END_EOF ? eof : other);
    }
    CHECK(eof + other == 300);
}

TEST_CASE("now after drain wins; drain after now changes nothing") {
    const auto v = each_variant();
    INFO(v);
    {
        // The drain is under way: its first delivery asks for the stop.
        recorder into;
        std::unique_ptr<driver> channel;
        into.offers = 10;
        into.on_bytes = [&](const std::uint8_t*, std::uint32_t) {
            if (into.calls() == 1) return FD2_PAUSE;
            (void)channel->finish(FD2_FINISH_NOW);
            (void)channel->finish(FD2_FINISH_DRAIN);
            return FD2_CONTINUE;
        };
        channel = std::make_unique<driver>(v, into);
        REQUIRE(channel->start() == FD2_OK);
        const auto end = channel->take_child_end();
        REQUIRE(write_pattern(end.get(), 0, 10, 10));
        REQUIRE(into.wait_bytes(10));
        REQUIRE(write_pattern(end.get(), 10, 1000, 1000));
        channel->wind_up(FD2_FINISH_DRAIN, into);
        CHECK(into.total() == 20);
        CHECK(into.reason() == FD2_END_STOPPED);
    }
    {
        held h(v);
        REQUIRE(write_pattern(h.end.get(), 1, 1000, 1000));
        CHECK(h.channel->finish(FD2_FINISH_NOW) == FD2_OK);
        h.channel->wind_up(FD2_FINISH_DRAIN, h.into);
        CHECK(h.into.total() == 1);
        CHECK(h.into.reason() == FD2_END_STOPPED);
    }
}

TEST_CASE("finish(now) at the very mark of a drain still wins") {
    const auto v = each_variant();
    INFO(v);
    recorder into;
    std::unique_ptr<driver> channel;
    std::atomic<int> calls{0};
    fd2::unique_fd end;
    into.offers = 10;
    into.on_bytes = [&](const std::uint8_t*, std::uint32_t) {
        const int n = ++calls;
        if (n == 1) {
            (void)channel->finish(FD2_FINISH_DRAIN);
        } else if (n == 2) {
            (void)write_pattern(end.get(), 20, 10, 10);  // beyond the mark
        } else {
            (void)channel->finish(FD2_FINISH_NOW);
        }
        return FD2_CONTINUE;
    };
    channel = std::make_unique<driver>(v, into);
    end = channel->take_child_end();
    REQUIRE(write_pattern(end.get(), 0, 20, 20));
    REQUIRE(channel->start() == FD2_OK);
    REQUIRE(into.wait_end());
    CHECK(into.reason() == (into.calls() == 3 ? FD2_END_STOPPED : FD2_END_DRAINED));
    CHECK(into.calls() >= 2);
    CHECK(channel->join(hang()) == FD2_OK);
    CHECK(into.violations() == "");
}

TEST_CASE("finish from inside on_bytes takes effect with the same call") {
    const auto v = each_variant();
    for (const auto mode : {FD2_FINISH_DRAIN, FD2_FINISH_NOW}) {
        for (const auto verdict : {FD2_CONTINUE, FD2_PAUSE}) {
            INFO(v << ", mode " << mode << ", verdict " << verdict);
            recorder into;
            std::unique_ptr<driver> channel;
            std::atomic<int> wrong{0};
            into.on_bytes = [&, mode = mode, verdict = verdict](const std::uint8_t*,
                                                                std::uint32_t) {
                wrong += channel->finish(mode) != FD2_OK;
                return verdict;
            };
            channel = std::make_unique<driver>(v, into);
            const auto end = channel->take_child_end();
            REQUIRE(channel->start() == FD2_OK);
            REQUIRE(write_all(end.get(), "x", 1));
            CHECK(into.wait_end());
            CHECK(channel->join(hang()) == FD2_OK);
            CHECK(wrong == 0);
            CHECK(into.bytes() == "x");
            CHECK(into.reason() == (mode == FD2_FINISH_DRAIN ? FD2_END_DRAINED : FD2_END_STOPPED));
            CHECK(into.violations() == "");
        }
    }
}

TEST_CASE("a polled channel that is finished inside on_bytes answers ENDED, not WAIT") {
    // The caller's loop would arm a descriptor that is over, and wait for ever.
    for (const auto& each : backends()) {
        if (each->pollable() == nullptr) continue;
        for (const auto mode : {FD2_FINISH_DRAIN, FD2_FINISH_NOW}) {
            INFO(each->id() << ", mode " << mode);
            recorder into;
            const fd2_sink sink = into.sink();
            fd2_channel* channel = nullptr;
            REQUIRE(each->table().open(each->instance(), nullptr, &sink, &channel, nullptr) ==
                    FD2_OK);
            into.on_bytes = [&, mode = mode](const std::uint8_t*, std::uint32_t) {
                (void)each->ops().finish(channel, mode);
                return FD2_CONTINUE;
            };
            fd2_native watched = 0;
            fd2_native end = 0;
            std::int64_t deadline = 0;
            REQUIRE(each->pollable()->attach_poll(channel, &watched, nullptr) == FD2_OK);
            REQUIRE(each->ops().take_child_end(channel, &end, nullptr) == FD2_OK);
            REQUIRE(write_all(static_cast<int>(end), "x", 1));
            CHECK(each->pollable()->on_ready(channel, 4096, &deadline) == FD2_READY_ENDED);
            CHECK(deadline == -1);
            CHECK(into.ends() == 1);
            CHECK(each->ops().close(channel) == FD2_OK);
            ::close(static_cast<int>(end));
        }
    }
}

TEST_CASE("finish(now) of a polled channel runs on_end before it returns") {
    for (const auto& each : backends()) {
        if (each->pollable() == nullptr) continue;
        INFO(each->id());
        recorder into;
        const fd2_sink sink = into.sink();
        fd2_channel* channel = nullptr;
        REQUIRE(each->table().open(each->instance(), nullptr, &sink, &channel, nullptr) == FD2_OK);
        fd2_native watched = 0;
        REQUIRE(each->pollable()->attach_poll(channel, &watched, nullptr) == FD2_OK);
        CHECK(each->ops().finish(channel, FD2_FINISH_NOW) == FD2_OK);
        CHECK(into.ends() == 1);
        CHECK(into.reason() == FD2_END_STOPPED);
        CHECK(each->ops().close(channel) == FD2_OK);
    }
}

TEST_CASE("after finish(now) has returned at most one delivery begins, and the rest stays") {
    const auto v = each_variant();
    INFO(v);
    int short_of_all = 0;
    for (int round = 0; round < 100; ++round) {
        recorder into;
        into.keeps = false;
        into.offers = 10;
        driver channel(v, into);
        const auto end = channel.take_child_end();
        const std::uint64_t size = fill_pattern(end.get(), 0, 4096);
        REQUIRE(channel.start() == FD2_OK);
        REQUIRE(into.wait_bytes(10));
        REQUIRE(channel.finish(FD2_FINISH_NOW) == FD2_OK);
        const std::uint64_t calls = into.calls();
        REQUIRE(channel.join(hang()) == FD2_OK);
        REQUIRE(into.calls() <= calls + 1);
        REQUIRE(into.reason() == FD2_END_STOPPED);
        REQUIRE(into.violations() == "");
        short_of_all += into.total() < size;
    }
    // A loop may have delivered all before it let the call in.
    if (v.by == way::thread) CHECK(short_of_all > 0);
}

TEST_CASE("on_ready keeps to its budget, by one read") {
    for (const auto& each : backends()) {
        if (each->pollable() == nullptr) continue;
        INFO(each->id());
        recorder into;
        into.offers = 1000;
        const fd2_sink sink = into.sink();
        fd2_channel* channel = nullptr;
        REQUIRE(each->table().open(each->instance(), nullptr, &sink, &channel, nullptr) == FD2_OK);
        fd2_native end = FD2_NATIVE_NONE;
        REQUIRE(each->ops().take_child_end(channel, &end, nullptr) == FD2_OK);
        const fd2::unique_fd writer(static_cast<int>(end));
        fd2_native watched = 0;
        REQUIRE(each->pollable()->attach_poll(channel, &watched, nullptr) == FD2_OK);
        REQUIRE(write_pattern(writer.get(), 0, 20000, 20000));
        std::int64_t deadline = 0;
        CHECK(each->pollable()->on_ready(channel, 2500, &deadline) == FD2_READY_AGAIN);
        CHECK(deadline == -1);
        CHECK(into.total() >= 2500);
        CHECK(into.total() <= 2500 + 1000);
        CHECK(each->ops().finish(channel, FD2_FINISH_NOW) == FD2_OK);
        CHECK(each->ops().close(channel) == FD2_OK);
    }
}

TEST_CASE("STOP ends the channel, before a finish and during a drain") {
    const auto v = each_variant();
    INFO(v);
    for (const bool draining : {false, true}) {
        recorder into;
        into.offers = 10;
        into.on_bytes = [&](const std::uint8_t*, std::uint32_t) {
            return draining && into.calls() == 1 ? FD2_PAUSE : FD2_STOP;
        };
        const auto channel = started(v, into);
        const auto end = channel->take_child_end();
        REQUIRE(write_pattern(end.get(), 0, 100, 100));
        if (draining) {
            REQUIRE(into.wait_bytes(10));
            CHECK(channel->finish(FD2_FINISH_DRAIN) == FD2_OK);
        }
        CHECK(channel->join(hang()) == FD2_OK);
        CHECK(into.total() == (draining ? 20 : 10));
        CHECK(into.reason() == FD2_END_STOPPED);
        CHECK(into.ends() == 1);
        CHECK(into.violations() == "");
    }
}

TEST_CASE("remaining writers see no EPIPE while the channel is open, where that is claimed") {
    const auto v = each_variant();
    if (!v.of->claims(FD2_CAP_KEEPS_WRITERS)) return;
    INFO(v);
    recorder into;
    const auto channel = started(v, into);
    fd2::unique_fd end = channel->take_child_end();
    int order[2];
    REQUIRE(::pipe(order) == 0);
    const fd2::unique_fd tell(order[1]);
    const fd2::unique_fd told(order[0]);
    // A holder that writes when told: the pipe to tell it is its fd 1.
    const fd2::unique_fd keep_out(::dup(1));
    REQUIRE(::dup2(told.get(), 1) == 1);
    child holder(end.get(), [] {
        char go;
        if (::read(1, &go, 1) != 1 || ::write(2, "late", 4) != 4) return 1;
        if (::read(1, &go, 1) != 1) return 2;
        (void)::write(2, "too late", 8);
        (void)::write(2, "too late", 8);  // TCP says ECONNRESET first
        return 3;                         // SIGPIPE was to come first
    });
    REQUIRE(::dup2(keep_out.get(), 1) == 1);
    end.reset();
    CHECK(channel->finish(FD2_FINISH_DRAIN) == FD2_OK);
    CHECK(channel->join(hang()) == FD2_OK);
    CHECK(into.reason() == FD2_END_DRAINED);
    REQUIRE(write_all(tell.get(), "1", 1));
    // It has written, and lives, when it waits for the second word.
    int unread = 1;
    const auto until = hang();
    while (unread != 0 && fd2::now() < until) {
        REQUIRE(::ioctl(told.get(), FIONREAD, &unread) == 0);
        std::this_thread::yield();
    }
    ::usleep(20000);
    CHECK(channel->close() == FD2_OK);
    REQUIRE(write_all(tell.get(), "2", 1));
    CHECK(holder.wait() == 1000 + SIGPIPE);
    CHECK(into.total() == 0);  // nothing was delivered after the end
    CHECK(into.violations() == "");
}
