// Running channels move between backends: nothing is lost, doubled or reordered.
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "base/files.hpp"
#include "channel/channel.hpp"
#include "channel/selection.hpp"
#include "support/catch.hpp"
#include "support/hang.hpp"

using namespace fd2;
using fd2::test::hang;

namespace {

/// The stream of a child: each byte follows from its position.
std::uint8_t byte_at(std::uint64_t position) {
    return static_cast<std::uint8_t>((position * 2654435761u) >> 13);
}

/// Compares what comes with what was written, and now and then is full.
class checked final : public channel::byte_consumer {
  public:
    flow offer(const std::uint8_t* data, std::size_t size) noexcept override {
        std::uint64_t at = bytes.load();
        for (std::size_t i = 0; i < size; ++i) wrong += data[i] != byte_at(at + i) ? 1 : 0;
        bytes.store(at + size);
        const bool full = pauses && ++offers % 7 == 0;
        if (full) waiting.store(true);
        return full ? flow::pause : flow::more;
    }
    std::atomic<std::uint64_t> bytes{0};
    std::atomic<std::uint64_t> wrong{0};
    std::atomic<bool> waiting{false};
    bool pauses = false;
    unsigned offers = 0;
};

/// Writes until `stop`, as fast as the object takes it; returns how much.
std::uint64_t flood(int fd, const std::atomic<bool>& stop, unsigned seed) {
    std::uint64_t position = 0;
    std::vector<std::uint8_t> block(8192);
    std::uint64_t state = seed;
    while (!stop.load()) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        const std::size_t size = 1 + (state >> 33) % block.size();
        for (std::size_t i = 0; i < size; ++i) block[i] = byte_at(position + i);
        std::size_t done = 0;
        while (done < size) {
            const ssize_t wrote = ::write(fd, block.data() + done, size - done);
            if (wrote <= 0) return position;
            done += static_cast<std::size_t>(wrote);
            position += static_cast<std::uint64_t>(wrote);
        }
    }
    return position;
}

struct host {
    channel::loader plugins{{{FD2_TEST_BACKENDS, channel::trust_source::caller}}};
    channel::backend_pool pool{plugins, nullptr};

    /// "tokio-like-async:pipe" is that backend with that medium.
    static settings::settings settings_for(std::string_view name) {
        settings::settings out;
        if (const auto colon = name.find(':'); colon != name.npos) {
            out.options["tokio-like-async"]["medium"].text = name.substr(colon + 1);
        }
        return out;
    }
    static std::string id_of(std::string_view name) {
        return std::string(name.substr(0, name.find(':')));
    }

    std::unique_ptr<channel::channel> open(std::string_view name, channel::channel_setup setup) {
        channel::open_request want;
        want.backends = {id_of(name)};
        want.inherit = false;
        auto got = channel::open_channel(pool, settings_for(name), want, std::move(setup));
        REQUIRE(got);
        return std::move(got->opened);
    }
    channel::shared_backend target(std::string_view name) {
        auto found = channel::backend_to_move_to(pool, settings_for(name), id_of(name));
        REQUIRE(found);
        return *found;
    }
};

/// The pairs of backends that share a kind of object.
const std::vector<std::pair<const char*, const char*>>& pairs() {
    static const std::vector<std::pair<const char*, const char*>> all = {
        {"pipe", "pipe"},
        {"pipe", "tokio-like-async:pipe"},
        {"socketpair", "socketpair"},
        {"socketpair", "tokio-like-async:socketpair"},
        {"tcpshim", "tcpshim"},
        {"tcpshim", "tokio-like-async:tcp"},
        {"tokio-like-async:pipe", "tokio-like-async:pipe"},
        {"pty", "pty"}};
    return all;
}

std::size_t entries(const char* directory) {
    std::size_t count = 0;
    for (const auto& each : std::filesystem::directory_iterator(directory)) {
        (void)each;
        ++count;
    }
    return count;
}

}  // namespace

TEST_CASE("a channel moves there and back under flood and loses nothing") {
    for (const auto& [from, to] : pairs()) {
        for (const bool pauses : {false, true}) {
            CAPTURE(from, to, pauses);
            host here;
            checked bytes;
            bytes.pauses = pauses;
            channel::channel_setup setup;
            setup.bytes = &bytes;
            auto moved = here.open(from, std::move(setup));
            auto end = moved->take_child_end();
            REQUIRE(end);
            std::atomic<bool> stop{false};
            std::uint64_t written = 0;
            std::thread writer([&] {
                written = flood(end->get(), stop, 1);
                end->reset();
            });
            std::atomic<bool> over{false};
            std::thread reader([&] {
                while (!over.load()) {
                    if (bytes.waiting.exchange(false)) moved->resume(channel::pause_source::bytes);
                    std::this_thread::yield();
                }
            });
            const auto one = here.target(from);
            const auto other = here.target(to);
            std::size_t failed = 0;
            for (int i = 0; i < 100; ++i) {
                moved->view().hand_over(i % 2 == 0 ? other : one,
                                        [&](const channel::hand_over_result& done) {
                                            failed += done ? 0 : 1;
                                            if (!done) UNSCOPED_INFO(done.error().message);
                                        });
            }
            CHECK(failed == 0);
            stop.store(true);
            writer.join();
            CHECK(moved->join_and_close(after(now(), hang)));
            over.store(true);
            reader.join();
            CHECK(bytes.wrong.load() == 0);
            CHECK(bytes.bytes.load() == written);
            const auto seen = moved->record()->figures();
            CHECK(seen.total_bytes == written);
            CHECK(seen.end == end_kind::eof);
        }
    }
}

TEST_CASE("a backend of another kind of object does not take the channel, and it goes on") {
    host here;
    checked bytes;
    channel::channel_setup setup;
    setup.bytes = &bytes;
    auto moved = here.open("pipe", std::move(setup));
    auto end = moved->take_child_end();
    REQUIRE(end);
    std::optional<failure> why;
    moved->view().hand_over(here.target("socketpair"), [&](channel::hand_over_result done) {
        if (!done) why = done.error();
    });
    REQUIRE(why);
    CHECK(why->code == errc::unsupported);
    CHECK(moved->backend() == "pipe");
    const std::uint8_t first = byte_at(0);
    REQUIRE(::write(end->get(), &first, 1) == 1);
    end->reset();
    CHECK(moved->join_and_close(after(now(), hang)));
    CHECK(bytes.bytes == 1);
    CHECK(bytes.wrong == 0);
    CHECK(moved->record()->figures().end == end_kind::eof);
}

TEST_CASE("a channel that has ended is not moved, and one that finishes meanwhile ends") {
    host here;
    auto moved = here.open("pipe", {});
    auto end = moved->take_child_end();
    REQUIRE(end);
    const auto view = moved->view();
    const auto target = here.target("tokio-like-async:pipe");
    std::thread finisher([&] { moved->finish(channel::finish_mode::drain); });
    int answers = 0;
    view.hand_over(target, [&](const channel::hand_over_result&) { ++answers; });
    finisher.join();
    CHECK(moved->join_and_close(after(now(), hang)));
    CHECK(moved->ended());
    moved.reset();
    std::optional<failure> why;
    view.hand_over(target, [&](channel::hand_over_result done) {
        ++answers;
        if (!done) why = done.error();
    });
    CHECK(answers == 2);
    REQUIRE(why);
    CHECK(why->code == errc::state);
}

TEST_CASE("a loop moves its channel at the next step, and nobody else does") {
    host here;
    checked bytes;
    std::atomic<int> asked{0};
    channel::channel_setup setup;
    setup.bytes = &bytes;
    setup.polled = true;
    setup.bell = [&] { ++asked; };
    auto moved = here.open("pipe", std::move(setup));
    auto end = moved->take_child_end();
    REQUIRE(end);
    REQUIRE(moved->watched() >= 0);
    CHECK(moved->view().plugin()->id == "pipe");
    int answers = 0;
    const auto done = [&](const channel::hand_over_result& how) { answers += how ? 1 : 100; };
    std::uint64_t position = 0;
    const auto write_and_drive = [&] {
        const std::uint8_t next = byte_at(position++);
        REQUIRE(::write(end->get(), &next, 1) == 1);
        nanoseconds_t deadline = never;
        while (bytes.bytes.load() < position) {
            pollfd ready{moved->watched(), POLLIN, 0};
            REQUIRE(::poll(&ready, 1, 20000) == 1);
            (void)moved->drive(4096, deadline);
        }
    };
    write_and_drive();
    for (const char* to : {"tokio-like-async:pipe", "pipe"}) {
        moved->view().hand_over(here.target(to), done);
        CHECK(moved->wants_to_move());
        moved->move_now();
        CHECK_FALSE(moved->wants_to_move());
        CHECK(moved->watched() >= 0);
        write_and_drive();
    }
    CHECK(answers == 2);
    CHECK(asked == 2);
    // A request that no step has taken is answered at the end.
    moved->view().hand_over(here.target("pipe"), done);
    moved.reset();
    CHECK(answers == 102);
    CHECK(bytes.wrong == 0);
}

TEST_CASE("moves of two hundred channels leave no thread, descriptor or byte behind") {
    constexpr std::size_t channels = 200;
    const std::size_t moves = environment_variable("FD2_LONG") == "1" ? 1000 : channels;
    host here;
    const auto pipe = here.target("pipe");
    const auto async = here.target("tokio-like-async:pipe");
    struct carried {
        checked bytes;
        std::unique_ptr<channel::channel> moved;
        unique_fd end;
        std::uint64_t written = 0;
    };
    std::vector<std::unique_ptr<carried>> all;
    for (std::size_t i = 0; i < channels; ++i) {
        all.push_back(std::make_unique<carried>());
        channel::channel_setup setup;
        setup.bytes = &all.back()->bytes;
        all.back()->moved = here.open("pipe", std::move(setup));
        auto end = all.back()->moved->take_child_end();
        REQUIRE(end);
        all.back()->end = std::move(*end);
    }
    const std::size_t threads = entries("/proc/self/task");
    const std::size_t descriptors = entries("/proc/self/fd");
    std::atomic<bool> stop{false};
    std::vector<std::thread> writers;  // four, each of fifty channels in turn
    for (unsigned w = 0; w < 4; ++w) {
        writers.emplace_back([&, w] {
            std::vector<std::uint8_t> block(4096);
            while (!stop.load()) {
                for (std::size_t i = w; i < channels; i += 4) {
                    carried& c = *all[i];
                    const std::size_t size = 1 + (c.written * 31 + i) % block.size();
                    for (std::size_t b = 0; b < size; ++b) block[b] = byte_at(c.written + b);
                    std::size_t done = 0;
                    while (done < size) {
                        const ssize_t n = ::write(c.end.get(), block.data() + done, size - done);
                        if (n <= 0) return;
                        done += static_cast<std::size_t>(n);
                    }
                    c.written += size;
                }
            }
        });
    }
    std::size_t failed = 0;
    for (std::size_t i = 0; i < moves; ++i) {
        const auto& to = (i / channels) % 2 == 0 ? async : pipe;
        all[i % channels]->moved->view().hand_over(
            to, [&](const channel::hand_over_result& done) { failed += done ? 0 : 1; });
    }
    CHECK(failed == 0);
    // All are with the loop of tokio-like-async; back, so that threads can be compared.
    for (auto& one : all) {
        one->moved->view().hand_over(
            pipe, [&](const channel::hand_over_result& done) { failed += done ? 0 : 1; });
    }
    CHECK(failed == 0);
    CHECK(entries("/proc/self/fd") <= descriptors + 8);    // the loop's own
    CHECK(entries("/proc/self/task") <= threads + 4 + 1);  // the writers, the loop
    stop.store(true);
    for (auto& one : writers) one.join();
    std::uint64_t wrong = 0, missing = 0;
    for (auto& one : all) {
        one->end.reset();
        CHECK(one->moved->join_and_close(after(now(), hang)));
        wrong += one->bytes.wrong.load();
        missing += one->written - one->bytes.bytes.load();
    }
    CHECK(wrong == 0);
    CHECK(missing == 0);
}
