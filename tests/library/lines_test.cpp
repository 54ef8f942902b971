// Subscribers to the lines of a child's stderr.
#include <atomic>
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
    for (std::size_t i = 0; i < 3; ++i) {
        joined += got[i].text;
        CHECK(got[i].number == 1);
        CHECK(got[i].continued == (i > 0));
        CHECK(got[i].continues == (i < 2));
    }
    CHECK(joined == std::string(149, '0') + "7");
    CHECK(got[3].text == "short");
    CHECK(got[3].number == 2);
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
