// Instances of one plugin, and what is between one and its host.
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <thread>
#include <vector>

#include "base/plain_text.hpp"
#include "conformance/check.hpp"
#include "conformance/driver.hpp"
#include "conformance/faults.hpp"
#include "conformance/worker.hpp"
#include "conformance/world.hpp"

using namespace fd2::conformance;

namespace {

/// A host with a log of its own, and an instance made for it.
class host {
  public:
    host() {
        table_ = {sizeof(fd2_host), 0, this, log, nullptr};
        code_ = tested()->table().init(&table_, &instance_, nullptr);
    }
    ~host() {
        if (instance_ != nullptr) (void)tested()->table().deinit(instance_);
    }
    host(const host&) = delete;
    host& operator=(const host&) = delete;

    std::int32_t code() const { return code_; }
    fd2_instance* instance() const { return instance_; }
    std::int32_t deinit() {
        const std::int32_t code = tested()->table().deinit(instance_);
        if (code == FD2_OK) instance_ = nullptr;
        return code;
    }
    std::int32_t open(recorder& into, fd2_channel*& out) {
        const auto options = tested()->with_configured({});
        const fd2_options given{sizeof(fd2_options), static_cast<std::uint32_t>(options.size()),
                                sizeof(fd2_option), 0, options.data()};
        const fd2_sink sink = into.sink();
        return tested()->table().open(instance_, &given, &sink, &out, nullptr);
    }

  private:
    static void log(void*, std::int32_t, const char*, std::uint32_t) {}

    fd2_host table_{};
    std::int32_t code_ = -1;
    fd2_instance* instance_ = nullptr;
};

std::string described() {
    const fd2_backend& table = tested()->table();
    return std::string(table.id) + "\n" + table.version + "\n" + table.vendor + "\n" +
           table.description + "\n" + std::to_string(table.caps) + "\n" +
           std::to_string(tested()->medium()) + "\n";
}

/// Carries a line from start to end, by the backend's thread; nothing else may go wrong.
void carry_line(fd2_channel* channel, recorder& into) {
    const auto& ops = tested()->ops();
    fd2_native end = FD2_NATIVE_NONE;
    REQUIRE(ops.start(channel, nullptr) == FD2_OK);
    REQUIRE(ops.take_child_end(channel, &end, nullptr) == FD2_OK);
    const fd2::unique_fd writer(static_cast<int>(end));
    REQUIRE(write_all(writer.get(), "line\n", 5));
    CHECK(ops.finish(channel, FD2_FINISH_DRAIN) == FD2_OK);
    CHECK(ops.join(channel, hang()) == FD2_OK);
    CHECK(into.bytes() == "line\n");
    CHECK(into.violations() == "");
}

}  // namespace

CHECK_CASE(N24, must, "X2", "the file is named after the backend's id",
           "compares them: a host that looks for a backend finds it by the name of its file") {
    CHECK(std::filesystem::path(tested_file()).filename() ==
          std::string(tested()->table().id) + plugin_suffix);
}

CHECK_CASE(N17, must, "L13 L12", "what happens to one instance leaves the others as they are",
           "opens a channel in one, takes the other down, and the reverse") {
    const auto& ops = tested()->ops();
    host first;
    REQUIRE(first.code() == FD2_OK);
    recorder into_first;
    fd2_channel* of_first = nullptr;
    REQUIRE(first.open(into_first, of_first) == FD2_OK);
    {
        host second;
        REQUIRE(second.code() == FD2_OK);
        const bool the_same = first.instance() == second.instance();
        CHECK_FALSE(the_same);
        CHECK(first.deinit() == FD2_E_STATE);  // its channel is open, whatever the second has
        CHECK(second.deinit() == FD2_OK);      // it has none, whatever the first has
    }
    host third;
    REQUIRE(third.code() == FD2_OK);
    recorder into_third;
    fd2_channel* of_third = nullptr;
    REQUIRE(third.open(into_third, of_third) == FD2_OK);
    carry_line(of_first, into_first);
    CHECK(ops.close(of_first) == FD2_OK);
    CHECK(first.deinit() == FD2_OK);
    carry_line(of_third, into_third);
    CHECK(ops.close(of_third) == FD2_OK);
    CHECK(third.deinit() == FD2_OK);
}

CHECK_CASE(N25, must, "T12", "several threads may open channels at once",
           "four threads open and close channels of one instance") {
    host one;
    REQUIRE(one.code() == FD2_OK);
    std::mutex guard;
    std::string refusal;
    const auto opens = [&] {
        const host_code own;
        for (std::uint64_t i = scaled(400); i != 0; --i) {
            recorder into;
            const fd2_sink sink = into.sink();
            fd2_channel* channel = nullptr;
            fd2_error error{};
            error.struct_size = sizeof(error);
            const std::int32_t code =
                tested()->table().open(one.instance(), nullptr, &sink, &channel, &error);
            if (code == FD2_OK && tested()->ops().close(channel) == FD2_OK) continue;
            const std::lock_guard lock(guard);
            refusal = channel != nullptr ? "close fails" : error.message;
            return;
        }
    };
    std::vector<std::thread> threads(4);
    for (auto& each : threads) each = std::thread(opens);
    for (auto& each : threads) each.join();
    CHECK(refusal == "");
}

CHECK_CASE(N16, must, "L12", "a hundred instances, one after the other, leave nothing behind",
           "compares descriptors and threads after deinit, at once; the kernel tells which threads "
           "are being ended") {
    const auto round = [] {
        host one;
        REQUIRE(one.code() == FD2_OK);
        recorder into;
        fd2_channel* channel = nullptr;
        REQUIRE(one.open(into, channel) == FD2_OK);
        carry_line(channel, into);
        REQUIRE(tested()->ops().close(channel) == FD2_OK);
        REQUIRE(one.deinit() == FD2_OK);
    };
    round();  // what is made once for all is there
    const auto before = descriptors();
    const auto running = tasks();
    for (int i = 0; i < 100; ++i) {
        INFO("instance " << i);
        round();
        REQUIRE(running_beyond(running) == "");
        REQUIRE(changed_since(before) == "");
    }
}

CHECK_CASE(N13, must, "X5", "the tables and their texts stay as they are while channels run",
           "compares them byte for byte, before and after") {
    const auto& each = *tested();
    const auto everything = [&] {
        const fd2_backend& table = each.table();
        std::string out(reinterpret_cast<const char*>(&table), sizeof(table));
        out.append(reinterpret_cast<const char*>(table.channel), sizeof(fd2_channel_ops));
        for (const char* text : {table.id, table.version, table.vendor, table.description}) {
            out += text;
        }
        const auto* at = reinterpret_cast<const char*>(table.options);
        for (std::uint32_t i = 0; i < table.option_count; ++i, at += table.option_stride) {
            out.append(at, sizeof(fd2_option_spec));
        }
        if (each.pollable() != nullptr) {
            out.append(reinterpret_cast<const char*>(each.pollable()), sizeof(fd2_pollable));
        }
        if (each.handover() != nullptr) {
            out.append(reinterpret_cast<const char*>(each.handover()), sizeof(fd2_handover));
        }
        return out;
    };
    const std::string before = everything();
    for (const auto& v : variants()) {
        recorder into;
        const auto channel = started(v, into);
        const bool unchanged = everything() == before;
        CHECK(unchanged);
        channel->wind_up(FD2_FINISH_NOW, into);
    }
    const bool unchanged = everything() == before;
    CHECK(unchanged);
}

HELPER("writes what the backend says of itself") {
    std::ofstream("described") << described();
}

CHECK_CASE(N12, must, "X5", "a backend says the same of itself in every process",
           "asks again in a process of its own, and compares") {
    REQUIRE(run_alone("writes what the backend says of itself") == 0);
    std::string other;
    {
        std::ifstream file("described");
        other.assign(std::istreambuf_iterator<char>(file), {});
    }
    CHECK(std::filesystem::remove("described"));
    CHECK(other == described());
}

namespace {

/// What a backend logged that it may not.
struct log_judge {
    std::mutex mutex;
    std::string wrong;

    static void log(void* ctx, std::int32_t, const char* message, std::uint32_t size) {
        auto& self = *static_cast<log_judge*>(ctx);
        const std::lock_guard lock(self.mutex);
        if (message == nullptr || size == 0) {
            self.wrong += "no message; ";
            return;
        }
        const std::string text(message, size);
        std::string shown;
        fd2::append_plain(shown, text);
        if (shown != text) self.wrong += "not one line of UTF-8: " + shown + "; ";
    }
};

/// Gives a backend reasons to log: sizes that the kernel does not grant, in a thread without
/// capabilities. What went wrong.
std::size_t ask_for_too_much(fd2_instance* instance) {
    const auto& table = tested()->table();
    std::size_t wrong = 0;
    std::thread([&] {
        drop_rights();
        for (std::uint32_t i = 0; i < table.option_count; ++i) {
            const auto& spec = table.options[i];
            if (spec.type != FD2_OPTION_BYTES) continue;
            const auto options = tested()->with_configured(
                {{sizeof(fd2_option), spec.type, spec.name, nullptr, spec.maximum}});
            const fd2_options given{sizeof(fd2_options), static_cast<std::uint32_t>(options.size()),
                                    sizeof(fd2_option), 0, options.data()};
            recorder into;
            const fd2_sink sink = into.sink();
            fd2_channel* channel = nullptr;
            wrong += table.open(instance, &given, &sink, &channel, nullptr) != FD2_OK;
            if (channel == nullptr) continue;
            wrong += tested()->ops().start(channel, nullptr) != FD2_OK;
            wrong += tested()->ops().finish(channel, FD2_FINISH_DRAIN) != FD2_OK;
            wrong += tested()->ops().join(channel, hang()) != FD2_OK;
            wrong += tested()->ops().close(channel) != FD2_OK;
        }
    }).join();
    return wrong;
}

}  // namespace

CHECK_CASE(N20, must, "T10", "what is logged is one line of UTF-8",
           "asks for sizes that the kernel does not grant, and reads the log") {
    log_judge judge;
    const fd2_host table{sizeof(fd2_host), 0, &judge, log_judge::log, nullptr};
    fd2_instance* instance = nullptr;
    REQUIRE(tested()->table().init(&table, &instance, nullptr) == FD2_OK);
    CHECK(ask_for_too_much(instance) == 0);
    recorder into;
    const fd2_sink sink = into.sink();
    fd2_channel* channel = nullptr;
    REQUIRE(tested()->table().open(instance, nullptr, &sink, &channel, nullptr) == FD2_OK);
    carry_line(channel, into);
    CHECK(tested()->ops().close(channel) == FD2_OK);
    CHECK(tested()->table().deinit(instance) == FD2_OK);
    const std::lock_guard lock(judge.mutex);
    CHECK(judge.wrong == "");
}

CHECK_CASE(N19, must, "T10 O7", "a host whose functions are all NULL is enough",
           "asks for sizes that the kernel does not grant, which there is no log to tell") {
    const fd2_host table{sizeof(fd2_host), 0, nullptr, nullptr, nullptr};
    fd2_instance* instance = nullptr;
    REQUIRE(tested()->table().init(&table, &instance, nullptr) == FD2_OK);
    CHECK(ask_for_too_much(instance) == 0);
    CHECK(tested()->table().deinit(instance) == FD2_OK);
}
