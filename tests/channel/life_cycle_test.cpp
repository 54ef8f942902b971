// States: what each call does in each of them, and how a channel comes and goes.
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <future>
#include <string>

#include "base/plain_text.hpp"
#include "driver.hpp"
#include "world.hpp"

using namespace channel_suite;

namespace {

enum class state { open, running, finishing, ended, joined, released };
constexpr const char* state_names[] = {"OPEN",  "RUNNING", "FINISHING",
                                       "ENDED", "JOINED",  "RELEASED"};

enum class call {
    start,
    attach_poll,
    take_child_end,
    resume,
    finish_drain,
    finish_now,
    finish_nonsense,
    join,
    close,
    release,
    on_ready
};
constexpr const char* call_names[] = {"start",         "attach_poll", "take_child_end", "resume",
                                      "finish(drain)", "finish(now)", "finish(99)",     "join",
                                      "close",         "release",     "on_ready"};

/// A channel brought into one state by bare calls, as a host with a bug might use it.
class bare {
  public:
    bare(const variant& v, state in) : v_(v) {
        released_.read = FD2_NATIVE_NONE;
        into_.on_bytes = [this](const std::uint8_t*, std::uint32_t) {
            gate_.get_future().wait();
            return FD2_CONTINUE;
        };
        const fd2_sink sink = into_.sink();
        REQUIRE(v.of->table().open(v.of->instance(), nullptr, &sink, &channel_, nullptr) == FD2_OK);
        if (in == state::open) return;
        const bool polled = v.by == way::poll;
        fd2_native ignored = 0;
        if (polled) {
            REQUIRE(v.of->pollable()->attach_poll(channel_, &ignored, nullptr) == FD2_OK);
        } else {
            REQUIRE(ops().start(channel_, nullptr) == FD2_OK);
        }
        started_ = true;
        if (in == state::released) {
            released_.struct_size = sizeof(released_);
            REQUIRE(v.of->handover()->release(channel_, &released_, nullptr) == FD2_OK);
            started_ = false;
        } else if (in == state::finishing) {
            if (!polled) {  // held there by a callback that does not return
                fd2_native end = FD2_NATIVE_NONE;
                REQUIRE(ops().take_child_end(channel_, &end, nullptr) == FD2_OK);
                taken_.reset(static_cast<int>(end));
                REQUIRE(::write(taken_.get(), "x", 1) == 1);
                REQUIRE(into_.wait_bytes(1));
            }
            REQUIRE(ops().finish(channel_, FD2_FINISH_DRAIN) == FD2_OK);
        } else if (in == state::ended || in == state::joined) {
            REQUIRE(ops().finish(channel_, FD2_FINISH_NOW) == FD2_OK);
            REQUIRE(into_.wait_end());
            if (in == state::joined) REQUIRE(ops().join(channel_, hang()) == FD2_OK);
        }
    }

    ~bare() {
        gate_.set_value();
        if (channel_ == nullptr) return;
        if (started_) {
            (void)ops().finish(channel_, FD2_FINISH_NOW);
            (void)ops().join(channel_, hang());
        }
        if (released_.read != FD2_NATIVE_NONE) ::close(static_cast<int>(released_.read));
        CHECK(ops().close(channel_) == FD2_OK);
    }
    bare(const bare&) = delete;
    bare& operator=(const bare&) = delete;

    std::int32_t make(call which, fd2::nanoseconds_t join_until, fd2_error* error) {
        fd2_native end = FD2_NATIVE_NONE;
        switch (which) {
            case call::start:
                return note_start(ops().start(channel_, error));
            case call::attach_poll:
                return note_start(v_.of->pollable()->attach_poll(channel_, &end, error));
            case call::take_child_end: {
                const std::int32_t code = ops().take_child_end(channel_, &end, error);
                taken_.reset(static_cast<int>(end));
                return code;
            }
            case call::resume:
                return ops().resume(channel_);
            case call::finish_drain:
                return ops().finish(channel_, FD2_FINISH_DRAIN);
            case call::finish_now:
                return ops().finish(channel_, FD2_FINISH_NOW);
            case call::finish_nonsense:
                return ops().finish(channel_, 99);
            case call::join:
                return ops().join(channel_, join_until);
            case call::close: {
                const std::int32_t code = ops().close(channel_);
                if (code == FD2_OK) channel_ = nullptr;
                return code;
            }
            case call::release: {
                fd2_carry carry{};
                carry.struct_size = sizeof(carry);
                const std::int32_t code = v_.of->handover()->release(channel_, &carry, error);
                if (code == FD2_OK) {
                    released_ = carry;
                    started_ = false;
                }
                return code;
            }
            case call::on_ready: {
                std::int64_t deadline = 0;
                return v_.of->pollable()->on_ready(channel_, 4096, &deadline);
            }
        }
        return -1;
    }

    fd2_channel* raw() const { return channel_; }

  private:
    const fd2_channel_ops& ops() const { return v_.of->ops(); }
    std::int32_t note_start(std::int32_t code) {
        started_ = started_ || code == FD2_OK;
        return code;
    }

    variant v_;
    std::promise<void> gate_;
    recorder into_;
    fd2_channel* channel_ = nullptr;
    bool started_ = false;
    fd2::unique_fd taken_;
    fd2_carry released_{};
};

/// The contract's table. Answers of on_ready are told from codes by their sign.
std::int32_t expected(state in, call which, way by) {
    const bool polled = by == way::poll;
    const bool over = in == state::ended || in == state::joined;
    switch (which) {
        case call::start:
        case call::attach_poll:
            return in == state::open ? FD2_OK : FD2_E_STATE;
        case call::take_child_end:
            return in == state::open || in == state::running ? FD2_OK : FD2_E_STATE;
        case call::resume:
            return FD2_OK;
        case call::finish_drain:
        case call::finish_now:
            return in == state::open || in == state::released ? FD2_E_STATE : FD2_OK;
        case call::finish_nonsense:
            return FD2_E_INVALID;
        case call::join:
            if (over) return FD2_OK;
            if (in == state::open || in == state::released || polled) return FD2_E_STATE;
            return FD2_E_TIMEDOUT;
        case call::close:
            if (in == state::ended) return polled ? FD2_OK : FD2_E_STATE;
            return in == state::running || in == state::finishing ? FD2_E_STATE : FD2_OK;
        case call::release:
            return in == state::running ? FD2_OK : FD2_E_STATE;
        case call::on_ready:
            if (!polled || in == state::open || in == state::released) return -FD2_E_STATE;
            return in == state::running ? FD2_READY_WAIT : FD2_READY_ENDED;
    }
    return -1;
}

}  // namespace

TEST_CASE("every call in every state answers as the contract says") {
    const auto v = each_variant();
    for (int s = 0; s <= static_cast<int>(state::released); ++s) {
        for (int c = 0; c <= static_cast<int>(call::on_ready); ++c) {
            const auto in = static_cast<state>(s);
            const auto which = static_cast<call>(c);
            const bool needs_poll = which == call::attach_poll || which == call::on_ready;
            const bool needs_handover = which == call::release || in == state::released;
            if (needs_poll && v.of->pollable() == nullptr) continue;
            if (needs_handover && v.of->handover() == nullptr) continue;
            INFO(v << ": " << call_names[c] << " in " << state_names[s]);
            bare channel(v, in);
            fd2_error error = blank_error();
            // ENDED is reached an instant after on_end returns, so there join may wait.
            const auto until = in == state::ended ? hang() : 0;
            const std::int32_t code = channel.make(which, until, &error);
            CHECK(code == expected(in, which, v.by));
            if (code == FD2_OK || which == call::on_ready) {
                CHECK(error.code == 0);  // success leaves it alone
                CHECK(error.message[0] == '\0');
            } else if (which == call::start || which == call::attach_poll ||
                       which == call::take_child_end || which == call::release) {
                CHECK(error.code == code);
                CHECK(std::strlen(error.message) > 0);
                CHECK(std::strchr(error.message, '\n') == nullptr);
            }
            // What was refused has changed nothing: info still answers.
            if (channel.raw() != nullptr && in != state::released && which != call::release) {
                fd2_info info{};
                info.struct_size = sizeof(info);
                CHECK(v.of->ops().info(channel.raw(), &info) == FD2_OK);
            }
        }
    }
}

TEST_CASE("a wrong argument is INVALID, never a crash") {
    const auto v = each_variant();
    INFO(v);
    const auto& ops = v.of->ops();
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
    if (v.of->pollable() != nullptr) {
        std::int64_t deadline = 0;
        CHECK(v.of->pollable()->attach_poll(nullptr, &end, nullptr) == FD2_E_INVALID);
        CHECK(v.of->pollable()->attach_poll(channel.raw(), nullptr, nullptr) == FD2_E_INVALID);
        CHECK(v.of->pollable()->on_ready(nullptr, 1, &deadline) == -FD2_E_INVALID);
        CHECK(v.of->pollable()->on_ready(channel.raw(), 1, nullptr) == -FD2_E_INVALID);
        CHECK(v.of->pollable()->on_ready(channel.raw(), 0, &deadline) == -FD2_E_INVALID);
        CHECK(deadline == -1);
    }

    fd2_channel* made = nullptr;
    fd2_sink sink = into.sink();
    CHECK(v.of->table().open(nullptr, nullptr, &sink, &made, nullptr) == FD2_E_INVALID);
    CHECK(v.of->table().open(v.of->instance(), nullptr, nullptr, &made, nullptr) == FD2_E_INVALID);
    CHECK(v.of->table().open(v.of->instance(), nullptr, &sink, nullptr, nullptr) == FD2_E_INVALID);
    sink.on_end = nullptr;
    CHECK(v.of->table().open(v.of->instance(), nullptr, &sink, &made, nullptr) == FD2_E_INVALID);
    CHECK(made == nullptr);
}

TEST_CASE("a backend describes itself completely and truthfully") {
    for (const auto& each : backends()) {
        const fd2_backend& table = each->table();
        INFO(each->id());
        CHECK(table.struct_size >= sizeof(fd2_backend));
        CHECK(std::strlen(table.version) > 0);
        CHECK(std::strlen(table.vendor) > 0);
        CHECK(std::strlen(table.description) > 0);
        CHECK(table.reserved0 == 0);
        CHECK(table.channel->reserved0 == 0);
        CHECK(each->claims(FD2_CAP_POLLABLE) == (each->pollable() != nullptr));
        CHECK(each->claims(FD2_CAP_HANDOVER) == (each->handover() != nullptr));
        CHECK(table.get_extension(nullptr) == nullptr);
        for (const char* unknown : {"", "fd2.pollable/2", "fd2.pollable/1x", "fd2.pollable", "x"}) {
            CHECK(table.get_extension(unknown) == nullptr);
        }
        CHECK(table.get_extension(FD2_EXT_POLLABLE) == each->pollable());

        recorder into;
        driver channel({each, way::thread}, into);
        REQUIRE(channel.code() == FD2_OK);
        const auto info = channel.info();
        CHECK((info.caps & ~table.caps) == 0);  // a channel has at most what its backend claims
        CHECK(info.medium != FD2_MEDIUM_UNKNOWN);
        CHECK(info.capacity_bytes > 0);
        CHECK(info.capacity_small_writes > 0);
        CHECK(info.reads == 0);
        CHECK(info.flags == 0);
    }
}

namespace {
/// The same text, if it is UTF-8 and one line of no control characters.
std::string shown(const char* text) {
    std::string out;
    fd2::append_plain(out, text);
    return out;
}
}  // namespace

TEST_CASE("what a backend says of itself is plain text") {
    for (const auto& each : backends()) {
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
}

TEST_CASE("loading starts no thread, opens no descriptor and gives the same answer each time") {
    for (const auto& each : backends()) {
        INFO(each->id());
        Dl_info loaded{};
        REQUIRE(::dladdr(&each->table(), &loaded) != 0);
        // A copy: a file that is mapped already would not be loaded again.
        const auto copy = std::filesystem::temp_directory_path() /
                          ("fd2-suite-" + std::to_string(::getpid()) + ".so");
        std::filesystem::copy_file(loaded.dli_fname, copy);
        const auto open_before = descriptors();
        const auto running_before = tasks().size();

        void* const library = ::dlopen(copy.c_str(), RTLD_NOW | RTLD_LOCAL);
        std::filesystem::remove(copy);
        REQUIRE(library != nullptr);
        const auto entry =
            reinterpret_cast<fd2_backend_entry_fn>(::dlsym(library, FD2_BACKEND_ENTRY));
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
        CHECK(descriptors() == open_before);
        CHECK(tasks().size() == running_before);
    }
}

TEST_CASE("an instance with open channels is not taken down; two are independent") {
    for (const auto& each : backends()) {
        INFO(each->id());
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
}

TEST_CASE("a channel that is never started leaves nothing behind") {
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
    CHECK(descriptors() == before);
    CHECK(into.ends() == 0);  // on_end is owed to those only that were started
}

TEST_CASE("the child end is handed out once and is the host's from then on") {
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
    CHECK(::fcntl(end.get(), F_GETFD) >= 0);  // close did not touch it
}

TEST_CASE("a child end that nobody took is closed with the channel, and no EOF comes before") {
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
    CHECK(descriptors() == before);
}

TEST_CASE("a channel may be opened, started, joined and closed by different threads") {
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

TEST_CASE("a thousand channels one after the other leave descriptors and threads as they were") {
    const auto v = each_variant();
    INFO(v);
    {
        recorder into;
        started(v, into)->wind_up(FD2_FINISH_NOW, into);
    }
    const auto before = descriptors();
    const std::size_t threads = tasks().size();
    std::size_t wrong = 0;
    for (int i = 0; i < 1000; ++i) {
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
    CHECK(descriptors() == before);
    CHECK(wait_for_tasks(threads));
}

TEST_CASE("many channels at once do not get into each other's way") {
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

TEST_CASE("helper: leaves by exit with live channels", "[.]") {
    // Without destructors: they live on while the program's are run.
    static recorder* into[16];
    static driver* channels[16];
    static child* writers[16];
    std::size_t i = 0;
    for (const auto& each : backends()) {
        into[i] = new recorder;
        into[i]->keeps = false;
        channels[i] = started({each, way::thread}, *into[i]).release();
        const auto end = channels[i]->take_child_end();
        writers[i] = new child(end.get(), [] {
            return write_pattern(2, 0, UINT64_MAX, 4096) ? 0 : 1;  // until EPIPE
        });
        REQUIRE(writers[i]->pid() > 0);
        REQUIRE(into[i]->wait_bytes(100000));
        ++i;
    }
    std::exit(7);
}

TEST_CASE("exit with live channels neither hangs nor crashes") {
    const int status = run_alone("helper: leaves by exit with live channels");
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 7);
}
