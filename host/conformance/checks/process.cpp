// What a channel costs the process: descriptors, threads, and how it fails when there are no more.
#include "conformance/check.hpp"
#include "conformance/driver.hpp"
#include "conformance/world.hpp"

using namespace fd2::conformance;

namespace {

std::map<pid_t, task> new_tasks(const std::map<pid_t, task>& before) {
    std::map<pid_t, task> out;
    for (const auto& [tid, each] : tasks()) {
        if (before.count(tid) == 0) out[tid] = each;
    }
    return out;
}

}  // namespace

CHECK_CASE(F01, must, "L1",
           "every descriptor of a channel is close-on-exec, and its end closes them all",
           "compares the descriptors of the process by device and inode") {
    const auto v = each_variant();
    INFO(v);
    const auto before = descriptors();
    recorder into;
    {
        driver channel(v, into);
        REQUIRE(channel.code() == FD2_OK);
        const auto check = [&] {
            std::size_t seen = 0;
            for (const auto& [fd, what] : descriptors()) {
                if (before.count(fd) != 0) continue;
                ++seen;
                CHECK_FALSE(is_inheritable(fd));
                CHECK(fd > 2);
            }
            CHECK(seen >= 2);
        };
        check();
        REQUIRE(channel.start() == FD2_OK);
        check();
        channel.wind_up(FD2_FINISH_DRAIN, into);
    }
    CHECK(changed_since(before) == "");
}

CHECK_CASE(F14, must, "L9", "the child's end blocks, as a child expects of its stderr",
           "reads its flags before and after start") {
    const auto v = each_variant();
    INFO(v);
    recorder into;
    driver channel(v, into);
    REQUIRE(channel.code() == FD2_OK);
    const auto end = channel.take_child_end();
    CHECK(blocks(end.get()));
    REQUIRE(channel.start() == FD2_OK);
    REQUIRE(write_all(end.get(), "x", 1));
    REQUIRE(into.wait_bytes(1));
    CHECK(blocks(end.get()));
}

CHECK_CASE(T03, must, "T5 L6",
           "threads of a backend are named, take no signal, and are gone after join",
           "lists the threads of the process") {
    const auto& each = tested();
    std::thread([] {}).join();  // a sanitizer makes one of its own beside the first
    const auto before = tasks();
    recorder into;
    const auto channel = started({each, way::thread}, into);
    const auto end = channel->take_child_end();
    REQUIRE(write_all(end.get(), "x", 1));
    REQUIRE(into.wait_bytes(1));
    const auto made = new_tasks(before);
    const auto info = channel->info();
    if (!each->claims(FD2_CAP_EVENT_LOOP)) CHECK(made.size() == info.threads_per_channel);
    const std::string ours = before.at(own_task()).name;
    for (const auto& [tid, thread] : made) {
        INFO(thread.name);
        CHECK(thread.name != ours);
        CHECK(thread.name != "");
        CHECK(takes_no_signal(thread));
    }
    channel->wind_up(FD2_FINISH_NOW, into);
    if (!each->claims(FD2_CAP_EVENT_LOOP)) CHECK(wait_for_tasks(before.size()));
}

CHECK_CASE(H01, must, "P1", "a polled channel makes no thread", "counts threads") {
    const auto& each = tested();
    NEEDS(each->pollable() != nullptr, "does not offer fd2.pollable/1");
    const auto before = tasks();
    recorder into;
    const fd2_sink sink = into.sink();
    fd2_channel* channel = nullptr;
    fd2_native watched = 0;
    REQUIRE(each->table().open(each->instance(), nullptr, &sink, &channel, nullptr) == FD2_OK);
    REQUIRE(each->pollable()->attach_poll(channel, &watched, nullptr) == FD2_OK);
    CHECK(new_tasks(before).empty());
    fd2_info info{};
    info.struct_size = sizeof(info);
    CHECK(each->ops().info(channel, &info) == FD2_OK);
    CHECK(info.threads_per_channel == 0);
    CHECK(each->ops().finish(channel, FD2_FINISH_NOW) == FD2_OK);
    CHECK(each->ops().close(channel) == FD2_OK);
}

CHECK_CASE(T15, must, "L6 H2", "when join or release returns, the channel's thread is gone",
           "lists the threads at once, without waiting; the kernel tells which of them are already "
           "being ended") {
    const auto& each = tested();
    NEEDS(!each->claims(FD2_CAP_EVENT_LOOP), "makes no thread for a channel");
    const bool moves = each->handover() != nullptr;
    std::thread([] {}).join();  // a sanitizer makes one of its own beside the first
    for (int round = 0; round < 50; ++round) {
        const auto before = tasks();
        recorder into;
        const auto channel = started({each, way::thread}, into);
        auto end = channel->take_child_end();
        const bool releases = moves && round % 3 == 2;
        INFO((releases ? "release" : "join") << ", round " << round);
        if (releases) {
            fd2_carry carry{};
            REQUIRE(channel->release(carry) == FD2_OK);
            CHECK(running_beyond(before) == "");
            fd2::unique_fd(static_cast<int>(carry.read)).reset();
        } else {
            if (round % 3 == 0) end.reset();
            if (round % 3 != 0) REQUIRE(channel->finish(FD2_FINISH_DRAIN) == FD2_OK);
            REQUIRE(channel->join(hang()) == FD2_OK);
            CHECK(running_beyond(before) == "");
        }
        REQUIRE(channel->close() == FD2_OK);
    }
}

CHECK_CASE(F13, must, "L8 L9", "the host may take the child's end, and close it, early or late",
           "takes it before and after start, closes it before start, after it, and after finish; "
           "reads the reason") {
    const auto v = each_variant();
    for (const bool takes_early : {true, false}) {
        for (const int closes : {0, 1, 2}) {
            if (!takes_early && closes == 0) continue;
            INFO(v << (takes_early ? ", taken before start" : ", taken after start")
                   << (closes == 0   ? ", closed before start"
                       : closes == 1 ? ", closed after start"
                                     : ", closed after finish"));
            const auto before = descriptors();
            recorder into;
            driver channel(v, into);
            REQUIRE(channel.code() == FD2_OK);
            fd2::unique_fd end;
            if (takes_early) end = channel.take_child_end();
            if (takes_early) REQUIRE(write_all(end.get(), "x", 1));
            if (closes == 0) end.reset();
            REQUIRE(channel.start() == FD2_OK);
            if (!takes_early) end = channel.take_child_end();
            if (!takes_early) REQUIRE(write_all(end.get(), "x", 1));
            if (closes == 1) end.reset();
            if (closes == 2) CHECK(channel.finish(FD2_FINISH_DRAIN) == FD2_OK);
            CHECK(channel.join(hang()) == FD2_OK);
            end.reset();
            CHECK(channel.close() == FD2_OK);
            CHECK(into.bytes() == "x");
            CHECK(into.reason() == (closes == 2 ? FD2_END_DRAINED : FD2_END_EOF));
            CHECK(into.violations() == "");
            CHECK(changed_since(before) == "");
        }
    }
}
