// The end: a drain delivers what was there, holders cannot prolong it, and on_end tells the truth.
#include <algorithm>
#include <atomic>
#include <cstring>

#include "conformance/check.hpp"
#include "conformance/driver.hpp"
#include "conformance/poller.hpp"
#include "conformance/world.hpp"

using namespace fd2::conformance;

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

/// What the object holds of writes of this size while nobody reads.
std::uint64_t room(const variant& v, std::size_t piece) {
    recorder into;
    driver channel(v, into);
    REQUIRE(channel.code() == FD2_OK);
    return fill(channel.take_child_end().get(), piece);
}

}  // namespace

CHECK_CASE(K01, must, "F3 F7 L6", "draining an idle channel ends at once, writers or not",
           "calls finish(drain) while a reader is blocked, and joins") {
    const auto v = each_variant();
    INFO(v);
    {
        recorder into;
        const auto channel = started(v, into);
        const auto end = channel->take_child_end();
        channel->wind_up(FD2_FINISH_DRAIN, into);
        CHECK(into.reason() == FD2_END_DRAINED);
        CHECK(into.total() == 0);
        const bool woke = into.reason() == FD2_END_DRAINED;
        if (woke && !v.tested->claims(FD2_CAP_WAKE)) note_unclaimed("WAKE");
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

CHECK_CASE(K02, must, "F1 F2 F4", "a drain delivers exactly what lies there when nobody writes on",
           "compares what was written before finish(drain) with what arrived") {
    const auto v = each_variant();
    const std::uint64_t held_at_most = room(v, 65536);
    for (const std::uint64_t size : {1U, 2U, 4095U, 4096U, 4097U, 16384U, 30000U, 65000U}) {
        if (size >= held_at_most) continue;  // the writer would block
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

CHECK_CASE(K16, must, "F1 F3",
           "a drain delivers all that the object holds, also what is still under way in it",
           "fills the object and counts") {
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

CHECK_CASE(K17, must, "F4 B7", "a reader that was merely behind reports EOF, not a holder",
           "the last writer leaves before finish(drain) while bytes are unread") {
    const auto v = each_variant();
    const std::uint64_t held_at_most = room(v, 4096);
    for (const std::uint64_t size : {0U, 1U, 5000U, 60000U}) {
        if (size >= held_at_most) continue;  // the writer would block
        INFO(v << ", " << size << " bytes");
        held h(v);
        REQUIRE(write_pattern(h.end.get(), 1, size, 4096));
        h.end.reset();
        h.channel->wind_up(FD2_FINISH_DRAIN, h.into);
        CHECK(h.into.total() == 1 + size);
        CHECK(h.into.reason() == FD2_END_EOF);
    }
}

namespace {

const deed floods("floods", [](std::uint64_t, std::uint64_t) {
    static char flood[4096];
    std::memset(flood, 'g', sizeof(flood));
    while (write_all(child_stderr(), flood, sizeof(flood))) {
    }
    return 0;
});

const deed writes_letters("writes letters", [](std::uint64_t count, std::uint64_t) {
    static char record[100];
    std::memset(record, 'c', sizeof(record));
    for (std::uint64_t i = 0; i < count / 100; ++i) {
        if (!write_all(child_stderr(), record, sizeof(record))) return 1;
    }
    return 0;
});

}  // namespace

CHECK_CASE(K04, must, "F1 F2 T11",
           "a flooding grandchild cannot prolong the drain, and the child's bytes are complete",
           "a grandchild writes for ever while the child's bytes are numbered") {
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
            holders.push_back(std::make_unique<child>(end.get(), floods));
        }
        REQUIRE(into.wait_bytes(4096));
        child writer(end.get(), writes_letters, records);
        CHECK(writer.wait() == 0);
        const auto info = channel->info();
        const std::uint64_t before = into.total();
        CHECK(channel->finish(FD2_FINISH_DRAIN) == FD2_OK);
        CHECK(channel->join(hang()) == FD2_OK);
        CHECK(into.reason() == FD2_END_DRAINED);
        const std::string got = into.bytes();
        CHECK(std::count(got.begin(), got.end(), 'c') == records);
        // What the object held, the read that was under way, and at most two more buffers.
        if (info.capacity_bytes != 0) {
            CHECK(got.size() - before <= 2 * info.capacity_bytes + 3 * 65536);
        }
        CHECK(channel->close() == FD2_OK);
        CHECK(into.violations() == "");
    }
}

CHECK_CASE(G06, must, "F6 T2", "finish is idempotent, from eight threads as from one",
           "calls it and counts the ends") {
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

CHECK_CASE(K07, must, "F6 L4 L5",
           "finish that races the end of the stream succeeds and ends it once",
           "many rounds with the last writer leaving at that moment; in some the end was told") {
    const auto v = each_variant();
    for (int round = 0; round < 300; ++round) {
        INFO(v << ", round " << round);
        recorder into;
        into.keeps = false;
        const auto channel = started(v, into);
        fd2::unique_fd end = channel->take_child_end();
        REQUIRE(write_pattern(end.get(), 0, 100, 100));
        const bool late = round % 16 > 13;  // with either mode
        std::thread closer;
        if (late) {
            end.reset();
            REQUIRE(into.wait_end());
        } else {
            closer = std::thread([&] { end.reset(); });
        }
        const auto mode = round % 2 == 0 ? FD2_FINISH_DRAIN : FD2_FINISH_NOW;
        const std::int32_t code = channel->finish(mode);
        if (closer.joinable()) closer.join();
        REQUIRE(code == FD2_OK);
        REQUIRE(channel->join(hang()) == FD2_OK);
        REQUIRE(into.ends() == 1);
        REQUIRE(into.violations() == "");
        if (mode == FD2_FINISH_DRAIN) REQUIRE(into.total() == 100);
        if (late) REQUIRE(into.reason() == FD2_END_EOF);
    }
}

CHECK_CASE(K18, must, "F6 F5 B7", "now after drain wins; drain after now changes nothing",
           "reads the reason that on_end was given") {
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

CHECK_CASE(K19, must, "F6 F5", "finish(now) at the very mark of a drain still wins",
           "calls it inside the on_bytes that reaches the mark") {
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

CHECK_CASE(G15, must, "F11 T2", "finish from inside on_bytes takes effect with the same call",
           "calls it there and counts the deliveries that follow") {
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

CHECK_CASE(G22, must, "F11 P7",
           "a polled channel that is finished inside on_bytes answers ENDED, not WAIT",
           "reads what on_ready returned") {
    // The caller's loop would arm a descriptor that is over, and wait for ever.
    const auto& each = tested();
    NEEDS(each->pollable() != nullptr, "does not offer fd2.pollable/1");
    for (const auto mode : {FD2_FINISH_DRAIN, FD2_FINISH_NOW}) {
        INFO(each->id() << ", mode " << mode);
        recorder into;
        const fd2_sink sink = into.sink();
        fd2_channel* channel = nullptr;
        REQUIRE(each->table().open(each->instance(), nullptr, &sink, &channel, nullptr) == FD2_OK);
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
        std::int32_t next = each->pollable()->on_ready(channel, 4096, &deadline);
        // A drain that has to settle goes on, with a deadline.
        const auto until = hang();
        while (mode == FD2_FINISH_DRAIN && each->settles() && next > 0 && next != FD2_READY_ENDED &&
               deadline >= 0 && fd2::now() < until) {
            while (fd2::now() < deadline) sleep_for(fd2::millisecond);
            next = each->pollable()->on_ready(channel, 4096, &deadline);
        }
        CHECK(next == FD2_READY_ENDED);
        if (!each->settles()) CHECK(deadline == -1);  // else it is that of an earlier answer
        CHECK(into.ends() == 1);
        CHECK(each->ops().close(channel) == FD2_OK);
        fd2::unique_fd(static_cast<int>(end)).reset();
    }
}

CHECK_CASE(G23, must, "P7 P6", "finish(now) of a polled channel runs on_end before it returns",
           "looks at the sink when the call returns") {
    const auto& each = tested();
    NEEDS(each->pollable() != nullptr, "does not offer fd2.pollable/1");
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

CHECK_CASE(K20, must, "F5",
           "once finish(now) has returned, one more delivery may begin; the rest stays unread",
           "counts the deliveries, and how much a full object takes afterwards") {
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
        // What was delivered made space, and nothing else did. (In a terminal, and over TCP, what
        // is under way does.)
        const auto object = v.tested->object();
        if (object == object_kind::tcp || object == object_kind::terminal ||
            into.total() > size / 4) {
            continue;
        }
        REQUIRE(fill(end.get(), 4096) <= size / 2);
    }
    // A loop may have delivered all before it let the call in.
    if (v.driven == way::thread) CHECK(short_of_all > 0);
}

CHECK_CASE(G24, must, "P3", "on_ready keeps to its budget, by one read",
           "offers small buffers and a small budget, and counts") {
    const auto& each = tested();
    NEEDS(each->pollable() != nullptr, "does not offer fd2.pollable/1");
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
    REQUIRE(write_pattern(writer.get(), 0, 10000, 10000));
    // In some objects bytes move on by themselves: on_ready may WAIT for those that have not yet.
    wait_until_holds(watched, 4000);
    std::int64_t deadline = 0;
    CHECK(each->pollable()->on_ready(channel, 2500, &deadline) == FD2_READY_AGAIN);
    CHECK(deadline == -1);
    CHECK(into.total() >= 2500);
    CHECK(into.total() <= 2500 + 1000);
    CHECK(each->ops().finish(channel, FD2_FINISH_NOW) == FD2_OK);
    CHECK(each->ops().close(channel) == FD2_OK);
}

CHECK_CASE(G14, must, "B5 F9", "STOP ends the channel, before a finish and during a drain",
           "on_bytes returns STOP; any call of it that follows is counted") {
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

CHECK_CASE(K25, must, "F3", "neither finish nor the drain waits for writers to be silent",
           "an idle channel with a writer: takes the quickest of thirty rounds, of finish(drain) "
           "itself and until on_end; a busy machine makes some slow, a wait makes all slow") {
    const auto v = each_variant();
    INFO(v);
    fd2::nanoseconds_t call = fd2::never;
    fd2::nanoseconds_t drain = fd2::never;
    for (int round = 0; round < 30; ++round) {
        recorder into;
        const auto channel = started(v, into);
        if ((channel->info().flags & FD2_INFO_SETTLES) != 0) SKIP_CHECK("info says SETTLES");
        const auto end = channel->take_child_end();
        REQUIRE(write_all(end.get(), "x", 1));
        REQUIRE(into.wait_bytes(1));
        const auto begin = fd2::now();
        REQUIRE(channel->finish(FD2_FINISH_DRAIN) == FD2_OK);
        call = std::min(call, fd2::now() - begin);
        REQUIRE(into.wait_end());
        drain = std::min(drain, fd2::now() - begin);
        REQUIRE(channel->join(hang()) == FD2_OK);
    }
    CHECK(call < 10 * fd2::millisecond);
    CHECK(drain < 20 * fd2::millisecond);
}

CHECK_CASE(K26, must, "F5", "finish(now) of a paused channel leaves in the object what lies there",
           "fills the object before, and finds no room in it afterwards") {
    const auto v = each_variant();
    const auto object = v.tested->object();
    NEEDS(object == object_kind::pipe || object == object_kind::unix_stream,
          "in other objects than pipes and socket pairs room is made without a read");
    INFO(v);
    held h(v);
    REQUIRE(fill_pattern(h.end.get(), 1, 4096) > 0);
    REQUIRE(h.channel->finish(FD2_FINISH_NOW) == FD2_OK);
    REQUIRE(h.channel->join(hang()) == FD2_OK);
    CHECK(fill(h.end.get(), 4096) == 0);
    CHECK(h.into.total() == 1);
    CHECK(h.into.reason() == FD2_END_STOPPED);
}
