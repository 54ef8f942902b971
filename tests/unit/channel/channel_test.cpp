#include "channel/channel.hpp"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <thread>

#include "channel/selection.hpp"
#include "support/catch.hpp"
#include "support/hang.hpp"

using namespace fd2;
using fd2::test::hang;

namespace {

/// Is full after every chunk, until told otherwise.
class narrow final : public channel::byte_consumer {
  public:
    flow offer(const std::uint8_t*, std::size_t size) noexcept override {
        bytes += size;
        const bool full = !wide;
        offers.fetch_add(1);
        offers.notify_all();
        return full ? flow::pause : flow::more;
    }
    void wait_for_offers(int n) const {
        for (int seen; (seen = offers.load()) < n;) offers.wait(seen);
    }
    std::atomic<std::size_t> bytes{0};
    std::atomic<int> offers{0};
    std::atomic<bool> wide{false};
};

struct open_channel {
    channel::loader plugins{{{FD2_TEST_BACKENDS, channel::trust_source::caller}}};
    channel::backend_pool pool{plugins, nullptr};
    settings::settings with;
    std::unique_ptr<channel::channel> one;
    unique_fd child;

    explicit open_channel(channel::channel_setup setup = {}) {
        channel::open_request want;
        want.backends = {"pipe"};
        want.inherit = false;
        auto got = channel::open_channel(pool, with, want, std::move(setup));
        REQUIRE(got);
        one = std::move(got->opened);
        auto end = one->take_child_end();
        REQUIRE(end);
        child = std::move(*end);
    }
    void say(std::string_view text) {
        REQUIRE(::write(child.get(), text.data(), text.size()) ==
                static_cast<ssize_t>(text.size()));
    }
};

}  // namespace

TEST_CASE("what the child wrote is in the record when the channel has ended") {
    open_channel c;
    c.say("first\nsecond");
    c.child.reset();
    REQUIRE(c.one->join_and_close(after(now(), hang)));
    const auto seen = c.one->record()->take_snapshot();
    CHECK(seen.bytes == "first\nsecond");
    CHECK(seen.total_lines == 2);
    CHECK(seen.end == end_kind::eof);
}

TEST_CASE("an end short of EOF is named after the child's exit") {
    open_channel after_exit;
    after_exit.say("x");
    after_exit.one->child_exited();
    after_exit.one->finish(channel::finish_mode::drain);
    REQUIRE(after_exit.one->join_and_close(after(now(), hang)));
    CHECK(after_exit.one->record()->take_snapshot().end == end_kind::writers_remain);
    CHECK(after_exit.one->record()->take_snapshot().bytes == "x");

    open_channel before_exit;
    before_exit.one->finish(channel::finish_mode::drain);
    REQUIRE(before_exit.one->join_and_close(after(now(), hang)));
    CHECK(before_exit.one->record()->take_snapshot().end == end_kind::stopped);
}

TEST_CASE("a full consumer pauses the channel until it has room again") {
    narrow to;
    channel::channel_setup setup;
    setup.bytes = &to;
    open_channel c(std::move(setup));
    c.say("a");
    to.wait_for_offers(1);
    c.say("b");
    // Paused: the second byte stays in the kernel, however often others look.
    for (int i = 0; i < 100; ++i) std::this_thread::yield();
    CHECK(c.one->record()->take_snapshot().bytes == "a");
    c.one->resume(channel::pause_source::bytes);
    to.wait_for_offers(2);
    c.one->resume(channel::pause_source::lines);  // never asked for a pause: changes nothing
    c.one->child_exited();
    c.one->finish(channel::finish_mode::drain);
    REQUIRE(c.one->join_and_close(after(now(), hang)));
    CHECK(c.one->record()->take_snapshot().bytes == "ab");
}

TEST_CASE("a consumer that has room when all is over meets no closed channel") {
    std::size_t wrong = 0;
    for (int round = 0; round < 500; ++round) {
        narrow to;
        channel::channel_setup setup;
        setup.bytes = &to;
        open_channel c(std::move(setup));
        c.say("a");
        to.wait_for_offers(1);
        c.one->finish(channel::finish_mode::drain);  // ends the pause, which `to` does not know
        std::atomic<bool> late{false};
        std::thread consumer([&] {
            late.wait(false);
            for (int i = 0; i < round % 50; ++i)
                std::atomic_signal_fence(std::memory_order_seq_cst);
            c.one->resume(channel::pause_source::bytes);
        });
        late = true;
        late.notify_one();
        wrong += !c.one->join_and_close(after(now(), hang));
        consumer.join();
    }
    CHECK(wrong == 0);
}

TEST_CASE("a resumer that outlives its channel does nothing") {
    narrow to;
    channel::channel_setup setup;
    setup.bytes = &to;
    open_channel c(std::move(setup));
    const auto resume = c.one->resumer(channel::pause_source::bytes);
    c.say("a");
    to.wait_for_offers(1);
    SECTION("closed, the pause still asked for") {
        c.one->finish(channel::finish_mode::drain);
        REQUIRE(c.one->join_and_close(after(now(), hang)));
    }
    SECTION("destroyed while it runs") {}
    c.one.reset();
    resume();
}

TEST_CASE("a channel that nobody finished stops when it is destroyed") {
    ::signal(SIGPIPE, SIG_IGN);
    open_channel c;
    c.say("x");
    const auto record = c.one->record();
    c.one.reset();
    CHECK(record->take_snapshot().end != end_kind::none);
    CHECK(::write(c.child.get(), "y", 1) == -1);  // its read end is gone
}

TEST_CASE("the end is announced once, after the record is final") {
    std::atomic<int> announced{0};
    channel::channel_setup setup;
    setup.bell = [&] {
        announced.fetch_add(1);
        announced.notify_all();
    };
    open_channel c(std::move(setup));
    c.child.reset();
    announced.wait(0);
    CHECK(c.one->ended());
    CHECK(c.one->record()->take_snapshot().end == end_kind::eof);
    REQUIRE(c.one->join_and_close(after(now(), hang)));
    CHECK(announced == 1);
}
