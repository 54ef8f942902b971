// How a channel and a backend come and go, and what a backend says of itself.
#include <cstring>
#include <filesystem>
#include <string>

#include "base/plain_text.hpp"
#include "conformance/check.hpp"
#include "conformance/driver.hpp"
#include "conformance/worker.hpp"
#include "conformance/world.hpp"

using namespace fd2::conformance;

CHECK_CASE(E08, must, "E5 S3", "a wrong argument is INVALID, never a crash",
           "passes NULL, no bytes and structs that are too short") {
    const auto v = each_variant();
    INFO(v);
    const auto& ops = v.tested->ops();
    fd2_native end = FD2_NATIVE_NONE;
    fd2_info info{};
    info.struct_size = sizeof(info);
    CHECK(ops.info(nullptr, &info) == FD2_E_INVALID);
    CHECK(ops.start(nullptr, nullptr) == FD2_E_INVALID);
    CHECK(ops.take_child_end(nullptr, &end, nullptr) == FD2_E_INVALID);
    CHECK(ops.resume(nullptr) == FD2_E_INVALID);
    CHECK(ops.finish(nullptr, FD2_FINISH_NOW) == FD2_E_INVALID);
    CHECK(ops.join(nullptr, 0) == FD2_E_INVALID);
    CHECK(ops.close(nullptr) == FD2_E_INVALID);

    recorder into;
    driver channel(v, into);
    REQUIRE(channel.code() == FD2_OK);
    CHECK(ops.info(channel.raw(), nullptr) == FD2_E_INVALID);
    CHECK(ops.take_child_end(channel.raw(), nullptr, nullptr) == FD2_E_INVALID);
    info.struct_size = 0;
    CHECK(ops.info(channel.raw(), &info) == FD2_E_INVALID);
    if (v.tested->pollable() != nullptr) {
        std::int64_t deadline = 0;
        CHECK(v.tested->pollable()->attach_poll(nullptr, &end, nullptr) == FD2_E_INVALID);
        CHECK(v.tested->pollable()->attach_poll(channel.raw(), nullptr, nullptr) == FD2_E_INVALID);
        CHECK(v.tested->pollable()->on_ready(nullptr, 1, &deadline) == -FD2_E_INVALID);
        CHECK(v.tested->pollable()->on_ready(channel.raw(), 1, nullptr) == -FD2_E_INVALID);
        CHECK(v.tested->pollable()->on_ready(channel.raw(), 0, &deadline) == -FD2_E_INVALID);
        CHECK(deadline == -1);
    }

    fd2_channel* made = nullptr;
    fd2_sink sink = into.sink();
    CHECK(v.tested->table().open(nullptr, nullptr, &sink, &made, nullptr) == FD2_E_INVALID);
    CHECK(v.tested->table().open(v.tested->instance(), nullptr, nullptr, &made, nullptr) ==
          FD2_E_INVALID);
    CHECK(v.tested->table().open(v.tested->instance(), nullptr, &sink, nullptr, nullptr) ==
          FD2_E_INVALID);
    sink.on_end = nullptr;
    CHECK(v.tested->table().open(v.tested->instance(), nullptr, &sink, &made, nullptr) ==
          FD2_E_INVALID);
    CHECK(made == nullptr);
}

namespace {

/// FD2_MEDIUM_* of a kind of object.
std::uint32_t medium_for(object_kind kind) {
    switch (kind) {
        case object_kind::pipe:
            return FD2_MEDIUM_PIPE;
        case object_kind::unix_stream:
            return FD2_MEDIUM_SOCKETPAIR;
        case object_kind::tcp:
            return FD2_MEDIUM_TCP;
        case object_kind::terminal:
            return FD2_MEDIUM_PTY;
        case object_kind::other:
            break;
    }
    return FD2_MEDIUM_UNKNOWN;
}

}  // namespace

CHECK_CASE(N10, must, "X3 X6 S5 C1 C2 C9", "a backend describes itself completely and truthfully",
           "reads the tables, asks for extensions, opens a channel, and asks the kernel what the "
           "child's end is") {
    const auto& each = tested();
    const fd2_backend& table = each->table();
    CHECK(table.struct_size >= sizeof(fd2_backend));
    CHECK(std::strlen(table.version) > 0);
    CHECK(std::strlen(table.vendor) > 0);
    CHECK(std::strlen(table.description) > 0);
    CHECK(table.reserved0 == 0);
    CHECK(table.channel->reserved0 == 0);
    const void* const pollable = table.get_extension(FD2_EXT_POLLABLE);
    const void* const handover = table.get_extension(FD2_EXT_HANDOVER);
    CHECK(((table.caps & FD2_CAP_POLLABLE) != 0) == (pollable != nullptr));
    CHECK(((table.caps & FD2_CAP_HANDOVER) != 0) == (handover != nullptr));
    CHECK(table.get_extension(nullptr) == nullptr);
    for (const char* unknown : {"", "fd2.pollable/2", "fd2.pollable/1x", "fd2.pollable", "x"}) {
        CHECK(table.get_extension(unknown) == nullptr);
    }
    CHECK(table.get_extension(FD2_EXT_POLLABLE) == pollable);

    recorder into;
    driver channel({each, way::thread}, into);
    REQUIRE(channel.code() == FD2_OK);
    const auto info = channel.info();
    CHECK((info.caps & ~table.caps) == 0);  // a channel has at most what its backend claims
    CHECK(info.reads == 0);
    CHECK((info.flags & ~FD2_INFO_SETTLES) == 0);
    INFO("the child's end is " << name_of(each->object()));
    const bool true_medium =
        info.medium == FD2_MEDIUM_UNKNOWN || info.medium == medium_for(each->object());
    CHECK_SAYS("info names the medium that it is, or none", true_medium);
}

namespace {
/// The same text, if it is UTF-8 and one line of no control characters.
std::string shown(const char* text) {
    std::string out;
    fd2::append_plain(out, text);
    return out;
}
}  // namespace

CHECK_CASE(N11, must, "S10 O1", "what a backend says of itself is plain text",
           "looks for control characters and invalid UTF-8") {
    const auto& each = tested();
    const fd2_backend& table = each->table();
    for (const char* text : {table.id, table.version, table.vendor, table.description}) {
        CHECK(shown(text) == text);
    }
    const auto* at = reinterpret_cast<const char*>(table.options);
    for (std::uint32_t i = 0; i < table.option_count; ++i, at += table.option_stride) {
        const auto& option = *reinterpret_cast<const fd2_option_spec*>(at);
        CHECK(shown(option.name) == option.name);
        CHECK(shown(option.help) == option.help);
    }
}

CHECK_CASE(N03, must, "X4 X5",
           "loading starts no thread, opens no descriptor and gives the same answer each time",
           "maps a fresh copy; compares descriptors, threads and what the entry gives") {
    const auto& each = tested();
    // A copy: a file that is mapped already would not be loaded again.
    const auto copy = std::filesystem::current_path() / (std::string("fd2-copy") + plugin_suffix);
    std::filesystem::copy_file(each->file(), copy);
    const auto open_before = descriptors();
    const auto running_before = tasks().size();

    const auto entry = entry_of(copy.string());
    std::error_code in_use;  // a system may not let go of what it has mapped
    std::filesystem::remove(copy, in_use);
    REQUIRE(entry != nullptr);
    const fd2_backend* first = nullptr;
    const fd2_backend* second = nullptr;
    REQUIRE(entry(&first) == FD2_OK);
    REQUIRE(entry(&second) == FD2_OK);
    CHECK(first == second);
    CHECK(first != &each->table());
    for (const char* id : {FD2_EXT_POLLABLE, FD2_EXT_HANDOVER}) {
        CHECK(first->get_extension(id) == first->get_extension(id));
    }
    CHECK(changed_since(open_before) == "");
    CHECK(tasks().size() == running_before);
}

CHECK_CASE(G19, must, "L12 L13",
           "an instance with open channels is not taken down; two are independent",
           "calls deinit with a channel open") {
    const auto& each = tested();
    const fd2_host bare_host{sizeof(fd2_host), 0, nullptr, nullptr, nullptr};
    fd2_instance* second = nullptr;
    REQUIRE(each->table().init(&bare_host, &second, nullptr) == FD2_OK);
    recorder into;
    const fd2_sink sink = into.sink();
    fd2_channel* channel = nullptr;
    REQUIRE(each->table().open(second, nullptr, &sink, &channel, nullptr) == FD2_OK);
    CHECK(each->table().deinit(second) == FD2_E_STATE);
    CHECK(each->ops().close(channel) == FD2_OK);
    CHECK(each->table().deinit(second) == FD2_OK);
    recorder other;
    driver still({each, way::thread}, other);
    CHECK(still.code() == FD2_OK);
}

CHECK_CASE(G01, must, "L4 L8", "a channel that is never started leaves nothing behind",
           "compares descriptors and callbacks") {
    const auto v = each_variant();
    INFO(v);
    const auto before = descriptors();
    recorder into;
    {
        driver channel(v, into);
        REQUIRE(channel.code() == FD2_OK);
        CHECK(descriptors().size() > before.size());
        CHECK(channel.close() == FD2_OK);
    }
    CHECK(changed_since(before) == "");
    CHECK(into.ends() == 0);  // on_end is owed to those only that were started
}

CHECK_CASE(G02, must, "L8 L9", "the child end is handed out once and is the host's from then on",
           "takes it twice; looks at it after close") {
    const auto v = each_variant();
    INFO(v);
    recorder into;
    driver channel(v, into);
    REQUIRE(channel.code() == FD2_OK);
    fd2::unique_fd end = channel.take_child_end();
    REQUIRE(end);
    CHECK_FALSE(channel.take_child_end());
    REQUIRE(channel.start() == FD2_OK);
    CHECK_FALSE(channel.take_child_end());
    REQUIRE(write_all(end.get(), "hello", 5));
    REQUIRE(into.wait_bytes(5));
    channel.wind_up(FD2_FINISH_NOW, into);
    CHECK(is_open(end.get()));  // close did not touch it
}

CHECK_CASE(G11, must, "L8 L10",
           "a child end that nobody took is closed with the channel, and no EOF comes before",
           "finishes and reads the reason") {
    const auto v = each_variant();
    INFO(v);
    const auto before = descriptors();
    recorder into;
    const auto channel = started(v, into);
    CHECK(channel->finish(FD2_FINISH_DRAIN) == FD2_OK);
    CHECK(channel->join(hang()) == FD2_OK);
    CHECK(into.reason() == FD2_END_DRAINED);
    CHECK(channel->close() == FD2_OK);
    CHECK(into.violations() == "");
    CHECK(changed_since(before) == "");
}

CHECK_CASE(G13, must, "T9",
           "a channel may be opened, started, joined and closed by different threads",
           "does that") {
    const auto v = each_variant();
    INFO(v);
    recorder into;
    std::unique_ptr<driver> channel;
    fd2::unique_fd end;
    std::thread([&] { channel = std::make_unique<driver>(v, into); }).join();
    REQUIRE(channel->code() == FD2_OK);
    std::int32_t codes[4] = {-1, -1, -1, -1};
    std::thread([&] { codes[0] = channel->start(); }).join();
    end = channel->take_child_end();
    REQUIRE(write_all(end.get(), "x", 1));
    end.reset();
    std::thread([&] { codes[1] = channel->join(hang()); }).join();
    std::thread([&] { codes[2] = channel->close(); }).join();
    CHECK(codes[0] == FD2_OK);
    CHECK(codes[1] == FD2_OK);
    CHECK(codes[2] == FD2_OK);
    CHECK(into.reason() == FD2_END_EOF);
    CHECK(into.bytes() == "x");
}

CHECK_CASE(G16, must, "L8 L12",
           "a thousand channels one after the other leave descriptors and threads as they were",
           "compares before and after") {
    const auto v = each_variant();
    INFO(v);
    {
        recorder into;
        started(v, into)->wind_up(FD2_FINISH_NOW, into);
    }
    const auto before = descriptors();
    const std::size_t threads = tasks().size();
    std::size_t wrong = 0;
    const int count = v.tested->settles() ? 40 : 1000;  // each fourth one waits for silence
    for (int i = 0; i < count; ++i) {
        recorder into;
        driver channel(v, into);
        if (i % 4 != 0) wrong += channel.start() != FD2_OK;
        auto end = channel.take_child_end();
        wrong += !write_all(end.get(), "x", 1);
        if (i % 4 == 1) continue;  // the destructor stops it
        if (i % 4 == 2) {
            end.reset();
            wrong += channel.join(hang()) != FD2_OK;
            wrong += into.reason() != FD2_END_EOF || into.total() != 1;
        }
        if (i % 4 == 3) {
            wrong += channel.finish(FD2_FINISH_DRAIN) != FD2_OK;
            wrong += channel.join(hang()) != FD2_OK;
            wrong += into.reason() != FD2_END_DRAINED || into.total() != 1;
        }
        wrong += channel.close() != FD2_OK || into.violations() != "";
    }
    CHECK(wrong == 0);
    CHECK(changed_since(before) == "");
    CHECK(wait_for_tasks(threads));
}

CHECK_CASE(G17, must, "L13 T1", "many channels at once do not get into each other's way",
           "a hundred channels with their own streams, compared") {
    const auto v = each_variant();
    INFO(v);
    constexpr int count = 100;
    std::vector<std::unique_ptr<recorder>> into;
    std::vector<std::unique_ptr<driver>> channels;
    std::vector<fd2::unique_fd> ends;
    for (int i = 0; i < count; ++i) {
        into.push_back(std::make_unique<recorder>());
        channels.push_back(started(v, *into.back()));
        ends.push_back(channels.back()->take_child_end());
    }
    for (int round = 0; round < 5; ++round) {
        for (int i = 0; i < count; ++i) {
            const std::string text = std::to_string(i) + "/" + std::to_string(round) + "\n";
            REQUIRE(write_all(ends[static_cast<std::size_t>(i)].get(), text.data(), text.size()));
        }
    }
    for (std::size_t i = 0; i < count; ++i) {
        ends[i].reset();
        CHECK(channels[i]->join(hang()) == FD2_OK);
        std::string want;
        for (int round = 0; round < 5; ++round) {
            want += std::to_string(i) + "/" + std::to_string(round) + "\n";
        }
        CHECK(into[i]->bytes() == want);
        CHECK(into[i]->reason() == FD2_END_EOF);
    }
}

namespace {
const deed writes_on("writes until nobody reads", [](std::uint64_t, std::uint64_t) {
    return write_pattern(child_stderr(), 0, UINT64_MAX, 4096) ? 0 : 1;
});
}  // namespace

HELPER("leaves by exit with live channels") {
    // Without destructors: they live on while the program's are run.
    static recorder* into[16];
    static driver* channels[16];
    static child* writers[16];
    std::size_t i = 0;
    const auto& each = tested();
    into[i] = new recorder;
    into[i]->keeps = false;
    channels[i] = started({each, way::thread}, *into[i]).release();
    const auto end = channels[i]->take_child_end();
    writers[i] = new child(end.get(), writes_on);
    REQUIRE(writers[i]->is_running());
    REQUIRE(into[i]->wait_bytes(100000));
    ++i;
    std::exit(7);
}

CHECK_CASE(G21, must, "X9", "exit with live channels neither hangs nor crashes",
           "a process of its own leaves by exit(7) under a flood; its status is read") {
    CHECK(run_alone("leaves by exit with live channels") == 7);
}
