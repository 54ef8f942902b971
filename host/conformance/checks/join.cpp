// Waiting for the end: deadlines, several that wait, and threads that must not.
#include <atomic>
#include <chrono>
#include <future>

#include "base/text_list.hpp"
#include "conformance/check.hpp"
#include "conformance/driver.hpp"
#include "conformance/world.hpp"

using namespace fd2::conformance;

CHECK_CASE(G08, must, "L7 S11", "a join that times out leaves the channel as it was",
           "joins with deadlines in the past and the near future; measures that it was not early") {
    const auto v = each_variant();
    INFO(v);
    recorder into;
    const auto channel = started(v, into);
    const auto end = channel->take_child_end();
    CHECK(channel->join(0) == FD2_E_TIMEDOUT);
    CHECK(channel->join(-1) == FD2_E_TIMEDOUT);
    const auto soon = fd2::after(fd2::now(), 20 * fd2::millisecond);
    CHECK(channel->join(soon) == FD2_E_TIMEDOUT);
    CHECK(fd2::now() >= soon);  // not before its time
    REQUIRE(write_all(end.get(), "still here", 10));
    CHECK(into.wait_bytes(10));
    channel->wind_up(FD2_FINISH_DRAIN, into);
    CHECK(into.bytes() == "still here");
}

CHECK_CASE(G07, must, "L6", "join succeeds only after on_end has returned, and again after that",
           "holds on_end for a while and looks whether join returned") {
    const auto v = each_variant();
    INFO(v);
    recorder into;
    std::promise<void> entered;
    std::promise<void> may_return;
    std::atomic<bool> joined{false};
    into.on_end = [&] {
        entered.set_value();
        may_return.get_future().wait();
    };
    const auto channel = started(v, into);
    channel->take_child_end().reset();
    entered.get_future().wait();
    std::int32_t code = -1;
    std::thread joiner([&] {
        code = channel->join(hang());
        joined = true;
    });
    wait_for_quiet();
    CHECK_FALSE(joined);
    may_return.set_value();
    joiner.join();
    CHECK(code == FD2_OK);
    CHECK(channel->join(0) == FD2_OK);
    CHECK(channel->join(fd2::never) == FD2_OK);
    CHECK(into.ends() == 1);
}

CHECK_CASE(G25, must, "L7", "eight threads may wait for one channel", "joins from eight threads") {
    const auto v = each_variant();
    for (int round = 0; round < 30; ++round) {
        INFO(v << ", round " << round);
        recorder into;
        const auto channel = started(v, into);
        std::atomic<int> good{0};
        std::atomic<int> timed_out{0};
        std::vector<std::thread> waiting;
        for (int i = 0; i < 8; ++i) {
            waiting.emplace_back([&, i] {
                // Some with a deadline that passes just about when the channel ends.
                const auto until = i % 2 == 0 ? hang() : fd2::after(fd2::now(), i * 30000);
                const std::int32_t code = channel->join(until);
                good += code == FD2_OK;
                timed_out += code == FD2_E_TIMEDOUT;
            });
        }
        CHECK(channel->finish(FD2_FINISH_NOW) == FD2_OK);
        for (auto& each : waiting) each.join();
        CHECK(good >= 4);
        CHECK(good + timed_out == 8);
        CHECK(channel->close() == (timed_out == 8 ? FD2_E_STATE : FD2_OK));
        CHECK(into.violations() == "");
    }
}

CHECK_CASE(G26, must, "T7 L6", "a thread that learns of the end may join before start has returned",
           "joins from a thread that on_end wakes") {
    // on_end tells somebody else, who joins at once: the thread must be known by then.
    const auto& each = tested();
    std::size_t wrong = 0;
    for (int round = 0; round < 500; ++round) {
        recorder into;
        fd2_channel* channel = nullptr;
        const fd2_sink sink = into.sink();
        REQUIRE(each->table().open(each->instance(), nullptr, &sink, &channel, nullptr) == FD2_OK);
        fd2_native end = FD2_NATIVE_NONE;
        REQUIRE(each->ops().take_child_end(channel, &end, nullptr) == FD2_OK);
        fd2::unique_fd(static_cast<int>(end)).reset();
        std::thread joiner([&] {
            if (!into.wait_end() || each->ops().join(channel, hang()) != FD2_OK) ++wrong;
        });
        if (each->ops().start(channel, nullptr) != FD2_OK) ++wrong;
        joiner.join();
        if (each->ops().close(channel) != FD2_OK) ++wrong;
    }
    CHECK(wrong == 0);
}

CHECK_CASE(G27, must, "T2 T3 T4 P5",
           "inside callbacks join, close and release would deadlock; the rest is allowed",
           "calls everything inside on_bytes and on_end and reads the codes") {
    const auto v = each_variant();
    INFO(v);
    recorder into;
    fd2_channel* channel = nullptr;
    std::atomic<std::size_t> wrong{0};
    const auto& ops = v.tested->ops();
    const auto try_all = [&] {
        fd2_info info{};
        info.struct_size = sizeof(info);
        wrong += ops.join(channel, 0) != FD2_E_WOULD_DEADLOCK;
        wrong += ops.join(channel, fd2::never) != FD2_E_WOULD_DEADLOCK;
        wrong += ops.close(channel) != FD2_E_WOULD_DEADLOCK;
        if (v.tested->handover() != nullptr) {
            fd2_carry carry{};
            carry.struct_size = sizeof(carry);
            wrong +=
                v.tested->handover()->release(channel, &carry, nullptr) != FD2_E_WOULD_DEADLOCK;
        }
        if (v.driven == way::poll) {
            std::int64_t deadline = 0;
            wrong += v.tested->pollable()->on_ready(channel, 1, &deadline) != -FD2_E_STATE;
        }
        wrong += ops.info(channel, &info) != FD2_OK;
        wrong += ops.resume(channel) != FD2_OK;
    };
    into.on_bytes = [&](const std::uint8_t*, std::uint32_t) {
        try_all();
        return FD2_CONTINUE;
    };
    into.on_end = [&] {
        try_all();
        wrong += ops.finish(channel, FD2_FINISH_DRAIN) != FD2_OK;
        wrong += ops.finish(channel, FD2_FINISH_NOW) != FD2_OK;
    };
    driver made(v, into);
    REQUIRE(made.code() == FD2_OK);
    channel = made.raw();
    fd2::unique_fd end = made.take_child_end();
    REQUIRE(made.start() == FD2_OK);
    REQUIRE(write_all(end.get(), "x", 1));
    REQUIRE(into.wait_bytes(1));
    end.reset();
    CHECK(made.join(hang()) == FD2_OK);
    CHECK(wrong == 0);
    CHECK(into.reason() == FD2_END_EOF);
    CHECK(into.violations() == "");
}

CHECK_CASE(G28, must, "T3",
           "a loop that drives two channels may not wait for one inside the other's callback",
           "calls join and close of one channel in the callback of another") {
    const auto& each = tested();
    NEEDS(each->pollable() != nullptr, "does not offer fd2.pollable/1");
    recorder into[2];
    fd2_channel* channels[2] = {};
    fd2_native ends[2] = {};
    fd2_native watched = 0;
    for (std::size_t i = 0; i < 2; ++i) {
        const fd2_sink sink = into[i].sink();
        REQUIRE(each->table().open(each->instance(), nullptr, &sink, &channels[i], nullptr) ==
                FD2_OK);
        REQUIRE(each->ops().take_child_end(channels[i], &ends[i], nullptr) == FD2_OK);
        REQUIRE(each->pollable()->attach_poll(channels[i], &watched, nullptr) == FD2_OK);
    }
    std::int32_t joined = -1;
    std::int32_t closed = -1;
    std::int32_t finished = -1;
    into[0].on_bytes = [&](const std::uint8_t*, std::uint32_t) {
        joined = each->ops().join(channels[1], fd2::never);
        closed = each->ops().close(channels[1]);
        finished = each->ops().finish(channels[1], FD2_FINISH_NOW);
        return FD2_CONTINUE;
    };
    REQUIRE(write_all(static_cast<int>(ends[0]), "x", 1));
    std::int64_t deadline = 0;
    CHECK(each->pollable()->on_ready(channels[0], 4096, &deadline) == FD2_READY_WAIT);
    CHECK(joined == FD2_E_WOULD_DEADLOCK);
    CHECK(closed == FD2_E_WOULD_DEADLOCK);
    CHECK(finished == FD2_OK);
    CHECK(into[1].ends() == 1);
    // Outside of callbacks the same thread may.
    CHECK(each->ops().join(channels[1], 0) == FD2_OK);
    CHECK(each->ops().finish(channels[0], FD2_FINISH_NOW) == FD2_OK);
    for (std::size_t i = 0; i < 2; ++i) {
        CHECK(each->ops().close(channels[i]) == FD2_OK);
        fd2::unique_fd(static_cast<int>(ends[i])).reset();
    }
}

CHECK_CASE(T08, must, "T2 T4 F3",
           "while a callback runs, calls of other threads do not wait for it",
           "holds on_bytes until info, resume, take_child_end and finish of the channel, and open, "
           "info and close of another, have returned") {
    const auto& each = tested();
    recorder into;
    recorder other;
    std::promise<void> may_return;
    auto opened = may_return.get_future();
    into.on_bytes = [&](const std::uint8_t*, std::uint32_t) {
        if (into.calls() == 1) opened.wait();
        return FD2_CONTINUE;
    };
    const auto channel = started({each, way::thread}, into);
    const auto end = channel->take_child_end();
    REQUIRE(write_all(end.get(), "x", 1));
    REQUIRE(into.wait_bytes(1));
    std::vector<std::string> wrong;
    std::promise<void> made;
    std::thread caller([&] {
        fd2_info info{};
        info.struct_size = sizeof(info);
        fd2_native again = FD2_NATIVE_NONE;
        const auto expect = [&](const char* call, std::int32_t code, std::int32_t wanted) {
            if (code != wanted) wrong.emplace_back(call);
        };
        expect("info", each->ops().info(channel->raw(), &info), FD2_OK);
        expect("resume", each->ops().resume(channel->raw()), FD2_OK);
        expect("take_child_end", each->ops().take_child_end(channel->raw(), &again, nullptr),
               FD2_E_STATE);
        {
            driver beside({each, way::thread}, other);
            expect("open of another", beside.code(), FD2_OK);
            expect("info of another", each->ops().info(beside.raw(), &info), FD2_OK);
            expect("close of another", beside.close(), FD2_OK);
        }
        expect("finish(drain)", channel->finish(FD2_FINISH_DRAIN), FD2_OK);
        expect("finish(now)", channel->finish(FD2_FINISH_NOW), FD2_OK);
        made.set_value();
    });
    const auto until = std::chrono::nanoseconds(hang() - fd2::now());
    const bool returned = made.get_future().wait_for(until) == std::future_status::ready;
    may_return.set_value();
    caller.join();
    CHECK(returned);
    CHECK(fd2::join(wrong, ", ") == "");
    channel->wind_up(FD2_FINISH_NOW, into);
}
