// Subscribers to the lines of a child's stderr.
#include <atomic>
#include <future>
#include <optional>
#include <stdexcept>
#include <thread>

#include "library/support.hpp"

using namespace library_test;

namespace {

std::vector<fd2::stderr_line> all_of(fd2::stderr_lines& from) {
    std::vector<fd2::stderr_line> out;
    while (auto line = from.wait()) out.push_back(std::move(*line));
    return out;
}

}  // namespace

TEST_CASE("who subscribes before the spawn gets every line, numbered and dated") {
    const test_host host;
    auto command = shell("echo one >&2; echo >&2; printf 'last' >&2");
    auto lines = command.subscribe();
    CHECK(lines.first() == 0);
    const auto before = std::chrono::system_clock::now();
    auto child = fd2::spawn(host, command);
    CHECK(lines.first() == 1);
    const auto got = all_of(lines);
    REQUIRE(got.size() == 3);
    CHECK(got[0].text == "one");
    CHECK(got[0].number == 1);
    CHECK(got[0].time >= before);
    CHECK_FALSE(got[0].unterminated);
    CHECK(got[1].text.empty());
    CHECK(got[2].text == "last");
    CHECK(got[2].number == 3);
    CHECK(got[2].unterminated);
    CHECK(lines.finished());
    CHECK(lines.sent() == 3);
    CHECK(lines.dropped() == 0);
    CHECK(child.wait().success());
    // The subscription was for that spawn.
    auto again = fd2::spawn(host, command);
    CHECK(again.wait().success());
    CHECK(lines.sent() == 3);
}

TEST_CASE("lines are lent in blocks, each with its number") {
    const test_host host;
    auto command = shell("printf '\\none\\n\\ntwo\\n\\n' >&2; printf 'la' >&2; printf 'st' >&2");
    auto lines = command.subscribe();
    auto child = fd2::spawn(host, command);
    CHECK(child.wait().success());
    std::vector<std::string> got;
    std::uint64_t number = 0;
    bool unterminated = false;
    while (const auto block = lines.wait_block()) {
        REQUIRE(block.begin() != block.end());
        for (const fd2::stderr_line_view& line : block) {
            CHECK(line.number == ++number);
            CHECK(line.time.time_since_epoch().count() != 0);
            CHECK(line.piece == fd2::line_piece::whole);
            CHECK_FALSE(unterminated);
            unterminated = line.unterminated;
            got.emplace_back(line.text);
        }
    }
    CHECK(got == std::vector<std::string>{"", "one", "", "two", "", "last"});
    CHECK(unterminated);
    CHECK(lines.finished());
    CHECK(lines.poll_block().empty());
    CHECK(fd2::stderr_block().begin() == fd2::stderr_block().end());
}

TEST_CASE("one line can be taken, and the rest of its block lent") {
    const test_host host;
    auto command = shell("seq 1000 >&2");
    auto lines = command.subscribe();
    auto child = fd2::spawn(host, command);
    CHECK(child.wait().success());
    std::uint64_t number = 0;
    while (const auto line = lines.wait()) {
        CHECK(line->number == ++number);
        CHECK(line->text == std::to_string(number));
        for (const auto& next : lines.poll_block()) {
            CHECK(next.number == ++number);
            CHECK(next.text == std::to_string(number));
        }
    }
    CHECK(number == 1000);
    CHECK(lines.sent() == 1000);
}

TEST_CASE("a line that is too long, or that a filter let through, is lent as well") {
    const test_host host({"capture.max-line=64B"});
    const std::string first(64, 'a');
    const std::string second(64, 'b');
    auto command = shell("printf '" + first + second + "ij\\nk\\n' >&2");
    auto lines = command.subscribe([&](std::string_view text) { return text != second; });
    auto child = fd2::spawn(host, command);
    CHECK(child.wait().success());
    std::vector<std::pair<std::string, fd2::line_piece>> got;
    while (const auto block = lines.wait_block()) {
        for (const auto& line : block) got.emplace_back(line.text, line.piece);
    }
    CHECK(got ==
          std::vector<std::pair<std::string, fd2::line_piece>>{{first, fd2::line_piece::first},
                                                               {"ij", fd2::line_piece::last},
                                                               {"k", fd2::line_piece::whole}});
    CHECK(lines.filtered() == 1);
}

TEST_CASE("a later subscriber starts at the next line and says with which") {
    const test_host host;
    auto command = shell("printf 'one\\ntw' >&2; echo ready; read x; printf 'o\\nthree\\n' >&2");
    auto child = fd2::spawn(host, command);
    char c = 0;
    while (c != '\n') REQUIRE(child.out().read_some(&c, 1) == 1);
    while (child.snapshot().total_bytes < 6) std::this_thread::yield();
    auto lines = child.subscribe();
    CHECK(lines.first() == 3);
    child.in().close();
    const auto got = all_of(lines);
    REQUIRE(got.size() == 1);
    CHECK(got[0].text == "three");
    CHECK(got[0].number == 3);
    child.wait();
    auto late = child.subscribe();
    CHECK(late.finished());
    CHECK_FALSE(late.wait());
}

TEST_CASE("a subscriber that sleeps loses lines, counted, and slows nobody") {
    const test_host host({"forward.mode=off", "surface=never"});
    auto command = shell(many_lines(20000));
    auto asleep = command.subscribe({}, 4096);
    auto awake = command.subscribe({}, 8 * 1024 * 1024);
    auto child = fd2::spawn(host, command);
    const auto [report, last] = child.wait_with_stderr();
    CHECK(report.success());
    CHECK(all_of(awake).size() == 20000);
    CHECK(awake.dropped() == 0);
    const auto got = all_of(asleep);
    CHECK(got.size() == asleep.sent());
    CHECK(asleep.sent() + asleep.dropped() == 20000);
    CHECK(asleep.dropped() > 0);
    CHECK(last.lines_dropped == asleep.dropped());
    REQUIRE_FALSE(got.empty());
    CHECK(got.front().number == 1);  // the oldest are kept
}

TEST_CASE("a filter chooses; one that throws costs its own lines only") {
    const test_host host;
    auto command = shell("echo 'error: a' >&2; echo debug >&2; echo 'error: b' >&2");
    auto errors =
        command.subscribe([](std::string_view text) { return text.substr(0, 6) == "error:"; });
    auto throwing = command.subscribe([](std::string_view text) -> bool {
        if (text == "debug") throw std::runtime_error("no");
        return true;
    });
    auto child = fd2::spawn(host, command);
    CHECK(child.wait().success());
    const auto chosen = all_of(errors);
    REQUIRE(chosen.size() == 2);
    CHECK(chosen[1].text == "error: b");
    CHECK(chosen[1].number == 3);
    CHECK(errors.filtered() == 1);
    CHECK(errors.dropped() == 0);
    CHECK(all_of(throwing).size() == 2);
    CHECK(throwing.dropped() == 1);
}

TEST_CASE("a subscriber that leaves in mid-stream is not missed") {
    const test_host host({"forward.mode=off", "surface=never"});
    auto command = shell(many_lines(20000) + "; " + many_lines(20000));
    auto lines = command.subscribe();
    auto child = fd2::spawn(host, command);
    for (int i = 0; i < 10; ++i) REQUIRE(lines.wait());
    lines = fd2::stderr_lines();
    CHECK(lines.finished());
    const auto [report, last] = child.wait_with_stderr();
    CHECK(report.success());
    CHECK(last.total_lines == 40000);
}

TEST_CASE("a line longer than the limit comes in pieces that say so") {
    const test_host host({"capture.max-line=64B", "forward.mode=off"});
    auto command = shell("printf '%0150d\\nshort\\n' 7 >&2");
    auto lines = command.subscribe();
    auto child = fd2::spawn(host, command);
    child.wait();
    const auto got = all_of(lines);
    REQUIRE(got.size() == 4);
    std::string joined;
    const fd2::line_piece pieces[] = {fd2::line_piece::first, fd2::line_piece::middle,
                                      fd2::line_piece::last};
    for (std::size_t i = 0; i < 3; ++i) {
        joined += got[i].text;
        CHECK(got[i].number == 1);
        CHECK(got[i].piece == pieces[i]);
    }
    CHECK(joined == std::string(149, '0') + "7");
    CHECK(got[3].text == "short");
    CHECK(got[3].number == 2);
    CHECK(got[3].piece == fd2::line_piece::whole);
}

TEST_CASE("a wait for a line ends at its deadline") {
    const test_host host;
    auto command = shell("read x");
    auto lines = command.subscribe();
    auto child = fd2::spawn(host, command);
    CHECK_FALSE(lines.wait(std::chrono::steady_clock::now()));
    CHECK_FALSE(lines.finished());
    child.wait();
    CHECK_FALSE(lines.wait());
    CHECK(lines.finished());
}

TEST_CASE("a word is sent once when a line or the end comes") {
    const test_host host;
    auto command = shell("echo x >&2");
    auto lines = command.subscribe();
    std::atomic<int> words{0};
    CHECK(lines.notify([&] { ++words; }));
    auto child = fd2::spawn(host, command);
    child.wait();
    CHECK(words == 1);
    CHECK_FALSE(lines.notify([&] { ++words; }));  // it is there already
    CHECK(lines.poll()->text == "x");
    CHECK_FALSE(lines.notify([&] { ++words; }));  // the end is
    CHECK(words == 1);
}

TEST_CASE("where the spawn fails a subscriber sees the end") {
    const test_host host;
    auto command = fd2::ssh_command::from_argv({"/nowhere/ssh"});
    auto lines = command.subscribe();
    std::error_code failed;
    CHECK_FALSE(fd2::spawn(host, command, failed));
    CHECK_FALSE(lines.wait());
    CHECK(lines.finished());
}

TEST_CASE("a command that goes without a spawn ends its subscriptions") {
    std::optional<fd2::ssh_command> command = shell("true");
    auto lines = command->subscribe();
    std::optional<fd2::ssh_command> copy = command;
    command.reset();
    CHECK_FALSE(lines.finished());  // the copy may still be spawned
    copy.reset();
    CHECK_FALSE(lines.wait());
    CHECK(lines.finished());
}

// ---- callbacks that call us

TEST_CASE("a filter may end its own subscription, and another one") {
    const test_host host({"surface=never"});
    // All in one write, and so in one chunk.
    auto command = shell("printf 'one\ntwo\nthree\nfour\n' >&2");
    fd2::stderr_lines own;
    fd2::stderr_lines other;
    int calls = 0;
    const auto held = std::make_shared<int>(0);
    own = command.subscribe([&own, &other, &calls, held](std::string_view text) {
        ++calls;
        if (text == "two") {
            own = fd2::stderr_lines();
            other = fd2::stderr_lines();
        }
        return *held == 0;  // what it owns is there until the call is over
    });
    other = command.subscribe();
    auto child = fd2::spawn(host, command);
    CHECK(child.wait().success());
    CHECK(calls == 2);
    CHECK(own.finished());
    CHECK(other.finished());
    CHECK(held.use_count() == 1);
}

TEST_CASE("a subscription that its own notification ends is gone") {
    const test_host host({"surface=never"});
    auto command = shell("echo one >&2; read x; echo two >&2");
    auto lines = std::make_shared<fd2::stderr_lines>(command.subscribe());
    std::promise<void> told;
    REQUIRE(lines->notify([lines, &told]() mutable {
        // The callback owns what it ends.
        CHECK(lines->poll()->text == "one");
        lines.reset();
        told.set_value();
    }));
    std::weak_ptr<fd2::stderr_lines> seen = lines;
    lines.reset();
    auto child = fd2::spawn(host, command);
    told.get_future().wait();
    child.in().close();
    CHECK(child.wait().success());
    CHECK(seen.expired());
}

TEST_CASE("a notification that is taken back may own the subscription") {
    const test_host host;
    auto command = shell("exit 0");
    auto lines = std::make_shared<fd2::stderr_lines>(command.subscribe());
    std::weak_ptr<fd2::stderr_lines> seen = lines;
    auto& there = *lines;
    REQUIRE(there.notify([lines = std::move(lines)] { FAIL("it was taken back"); }));
    there.notify({});
    CHECK(seen.expired());
}

TEST_CASE("a filter may subscribe, and gets the lines after what is being delivered") {
    const test_host host({"surface=never"});
    auto command = shell("echo one >&2; read x; echo two >&2; echo three >&2");
    std::optional<fd2::SshConnection> child;
    std::promise<void> may_begin;
    std::promise<std::uint64_t> subscribed;
    fd2::stderr_lines late;
    auto first = command.subscribe([&](std::string_view text) {
        if (text == "one") {
            may_begin.get_future().wait();
            late = child->subscribe();
            subscribed.set_value(late.first());
            (void)child->snapshot();
        }
        return true;
    });
    child = fd2::spawn(host, command);
    may_begin.set_value();
    CHECK(subscribed.get_future().get() == 2);
    child->in().close();
    CHECK(child->wait().success());
    const auto got = all_of(late);
    REQUIRE(got.size() == 2);
    CHECK(got[0].text == "two");
    CHECK(all_of(first).size() == 3);
}

TEST_CASE("others subscribe and look while a filter is busy; who ends it waits for it") {
    const test_host host({"surface=never"});
    auto command = shell("echo one >&2; read x; exit 0");
    std::promise<void> inside;
    std::promise<void> go_on;
    auto busy = command.subscribe([&](std::string_view) {
        inside.set_value();
        go_on.get_future().wait();
        return true;
    });
    auto child = fd2::spawn(host, command);
    inside.get_future().wait();
    auto late = child.subscribe();
    CHECK(late.first() == 2);
    CHECK(child.snapshot().total_lines == 1);
    late = fd2::stderr_lines();  // not the busy one: no reason to wait
    std::atomic<bool> ended{false};
    std::thread ends([&] {
        busy = fd2::stderr_lines();
        ended.store(true);
    });
    CHECK_FALSE(ended.load());
    go_on.set_value();
    ends.join();
    child.in().close();
    CHECK(child.wait().success());
}

TEST_CASE("a filter that ends its subscription at the very last line does no harm") {
    const test_host host({"surface=never"});
    auto command = shell("printf last >&2");
    fd2::stderr_lines own;
    fd2::stderr_lines late;
    std::optional<fd2::SshConnection> child;
    std::promise<void> there;
    own = command.subscribe([&](std::string_view) {
        there.get_future().wait();
        late = child->subscribe();
        own = fd2::stderr_lines();
        return true;
    });
    child = fd2::spawn(host, command);
    there.set_value();
    CHECK(child->wait().success());
    CHECK(late.finished());
    CHECK(own.finished());
}
