// From lines, status and command to a cause.
#include <chrono>

#include "cause/advice.hpp"
#include "cause/pattern.hpp"
#include "support/catch.hpp"
#include "unit/cause/support.hpp"

using namespace fd2;
using namespace fd2::cause;

namespace {

bool fits(std::string_view pattern, std::string_view line) {
    work enough{1'000'000};
    return matches(pattern, line, enough);
}

const std::vector<std::string> ssh{"/usr/bin/ssh", "host", "job"};

found_cause cause_of(std::string_view said, int status = 255,
                     const std::vector<std::string>& command = ssh, bool signalled = false) {
    return find_cause({command, exit_status::exited(status), said, false, signalled});
}

}  // namespace

TEST_CASE("a pattern is text with holes") {
    CHECK(fits("abc", "abc"));
    CHECK_FALSE(fits("abc", "abcd"));
    CHECK_FALSE(fits("abc", "ab"));
    CHECK(fits("*", ""));
    CHECK(fits("a*", "a"));
    CHECK(fits("*b*d", "abcbd"));
    CHECK_FALSE(fits("*b*d", "abcbdx"));
    CHECK(fits("x (*).", "x (y).z)."));
    CHECK(fits("a\\*b", "a*b"));
    CHECK_FALSE(fits("a\\*b", "axb"));
    CHECK(fits("a\\\\b", "a\\b"));
    CHECK(fits("*\\**", "x*y"));
    CHECK(fits("?[a]{b}.^$", "?[a]{b}.^$"));
}

TEST_CASE("a match is bounded, whatever the line") {
    const std::string line(1000, 'a');
    std::string pattern;
    for (int i = 0; i < 60; ++i) pattern += "*a";
    pattern += "*b";
    work budget{100'000};
    CHECK_FALSE(matches(pattern, line, budget));
    // Against regular expressions' exponent: pattern times line.
    work all{pattern.size() * line.size() * 2};
    CHECK_FALSE(matches(pattern, line, all));
    CHECK(all.left != 0);
    work none{0};
    CHECK_FALSE(matches("abc", "abc", none));
}

TEST_CASE("the worst that a remote host can write takes milliseconds") {
    std::string said;
    while (said.size() < 64 * 1024) said += std::string(999, ':') + '\n';
    const auto begin = std::chrono::steady_clock::now();
    const found_cause found = cause_of(said);
    const auto took = std::chrono::steady_clock::now() - begin;
    CHECK(found.sure == confidence::low);
    CHECK(took < std::chrono::seconds(5));  // some 20 ms on an idle machine
}

TEST_CASE("a success has no cause") {
    CHECK(cause_of("root@h: Permission denied (publickey).\n", 0) == found_cause{});
}

TEST_CASE("what ssh says counts only with ssh's own status") {
    constexpr std::string_view denied = "root@h: Permission denied (publickey).\n";
    CHECK(cause_of(denied).is == kind::auth);
    const found_cause there = cause_of(denied, 1);
    CHECK(there.is == kind::remote_command);
    CHECK(there.line == "root@h: Permission denied (publickey).");
    CHECK(cause_of(denied, 12, {"rsync", "-a", "x", "h:"}).is == kind::auth);
    CHECK(cause_of(denied, 255, {"C:\\tools\\ssh.exe", "h"}).is == kind::auth);
}

TEST_CASE("a line that comes after the cause and that nobody knows makes it doubtful") {
    constexpr std::string_view refused = "ssh: connect to host h port 22: Connection refused\n";
    CHECK(cause_of(refused).sure == confidence::high);
    CHECK(cause_of(std::string(refused) + "and then?\n").sure == confidence::medium);
    CHECK(cause_of("before\n" + std::string(refused)).sure == confidence::high);
}

TEST_CASE("a later line of another class makes the cause doubtful") {
    const found_cause found = cause_of(
        "h: x: No space left on device\nssh: connect to host h port 22: Connection refused\n");
    CHECK(found.sure == confidence::high);  // the earlier line is the doubtful one
    CHECK(found.is == kind::refused);
    CHECK(
        cause_of("ssh: connect to host h port 22: Connection refused\nx: No space left on device\n")
            .sure == confidence::medium);
}

TEST_CASE("a signal that fd2 passed on explains a silent 255") {
    CHECK(cause_of("", 255).is == kind::unknown);
    const found_cause found = cause_of("", 255, ssh, true);
    CHECK(found.is == kind::local_signal);
    CHECK(found.sure == confidence::high);
    CHECK(cause_of("job: interrupted, cleaning up\n", 3, ssh, true).sure == confidence::medium);
    CHECK(cause_of("x@h: Permission denied (publickey).\n", 255, ssh, true).is == kind::auth);
}

TEST_CASE("a line is looked at as a terminal shows it") {
    CHECK(cause_of(
              "progress 10%\rprogress 20%\rssh: connect to host h port 22: Connection refused\r\n")
              .rule == "ssh-refused");
    CHECK(cause_of("\x1b[31mssh: connect to host h port 22: Connection refused\x1b[0m\n").line ==
          "ssh: connect to host h port 22: Connection refused");
    CHECK(cause_of("\x1b[").is == kind::unknown);
    CHECK(cause_of(std::string(5000, 'x')).line->size() == longest_line);
}

TEST_CASE("the first line of a tail that was cut is not looked at") {
    const std::string said = "host h port 22: Connection refused\nlast\n";
    CHECK(find_cause({ssh, exit_status::exited(3), said, true, false}).line == "last");
    CHECK_FALSE(find_cause({ssh, exit_status::exited(3), "half a line", true, false}).line);
}

TEST_CASE("rules of the user come first") {
    constexpr std::string_view lines[] = {"*Permission denied*"};
    const rule own[] = {{"mine",
                         kind::config,
                         "any",
                         "",
                         lines,
                         {},
                         -1,
                         {},
                         false,
                         false,
                         false,
                         confidence::high,
                         "ask Anna"}};
    const found_cause found = find_cause(
        {ssh, exit_status::exited(255), "x@h: Permission denied (publickey).\n", false, false},
        own);
    CHECK(found == found_cause{kind::config, confidence::high,
                               "x@h: Permission denied (publickey).", "mine", "ask Anna"});
}

TEST_CASE("what only follows from another failure is the cause if nothing else is") {
    CHECK(cause_of("fatal: Could not read from remote repository.\n", 128, {"git", "pull"}).rule ==
          "git-could-not-read");
    // A line that no rule knows says more.
    CHECK(cause_of("ERROR: account suspended\nfatal: Could not read from remote repository.\n", 128,
                   {"git", "pull"})
              .line == "ERROR: account suspended");
}

TEST_CASE("what was not heard is not held to be silence") {
    failed_run run{ssh, exit_status::exited(255), {}};
    CHECK(find_cause(run).rule == "ssh-255-said-nothing");
    run.heard = false;
    CHECK(find_cause(run).rule.empty());
    CHECK(find_cause(run).sure == confidence::low);
    CHECK_FALSE(find_cause(run).next.empty());
    run.exit = exit_status::exited(3);
    CHECK(find_cause(run).rule == "ssh-remote-status");
    run.signalled = true;
    CHECK(find_cause(run).rule == "signal-passed-on-maybe");
}

TEST_CASE("where the status is not known the lines alone decide") {
    const found_cause found = find_cause(
        {ssh, exit_status::lost(0), "ssh: connect to host h port 22: Connection refused\n"});
    CHECK(found.rule == "ssh-refused");
    CHECK(found.sure == confidence::high);
}

TEST_CASE("holes are what a pattern leaves open") {
    using list = std::vector<std::string_view>;
    CHECK(holes("abc", "abc").empty());
    CHECK(holes("*", "x") == list{"x"});
    CHECK(holes("a*c", "abbc") == list{"bb"});
    CHECK(holes("*: *: *.", "a: b: c: d.") == list{"a", "b", "c: d"});
    CHECK(holes("\\* * \\\\*", "* x \\y") == list{"x", "y"});
    CHECK(holes("*b*", "abcbd") == list{"a", "cbd"});
    CHECK(holes("*aba", "ababa") == list{"ab"});
    CHECK(holes("*long*", "x") == list{"x", ""});  // does not match: no harm
    CHECK(hole_count("a*b\\**") == 2);
}

TEST_CASE("advice names what the line names, if a shell takes it as one word") {
    const std::vector<std::string_view> names{"web1", "[web1]:2222", "a b", "-x", "$(x)", ""};
    CHECK(advice_of("do {1:HOST}!", names) == "do web1!");
    CHECK(advice_of("do {2:HOST}", names) == "do '[web1]:2222'");
    for (const char* const wrong : {"{3:HOST}", "{4:HOST}", "{5:HOST}", "{6:HOST}", "{7:HOST}"}) {
        CHECK(advice_of(wrong, names) == "HOST");
    }
    CHECK(advice_of("{now} {0:X} {1:x} {1:X {", names) == "{now} {0:X} {1:x} {1:X {");
    CHECK(advice_of("{1:HOST}") == "HOST");
    CHECK(holes_needed("{now} {2:A} {1:B}") == 2U);
    CHECK_FALSE(holes_needed("{1:}"));
    CHECK_FALSE(holes_needed("{1:HOST"));
}

TEST_CASE("every byte may come") {
    std::string said;
    for (int i = 0; i < 20'000; ++i) said += static_cast<char>((i * 7919) >> 3);
    for (int status = 1; status < 256; ++status) {
        const found_cause found = cause_of(said, status);
        CHECK(found.is != kind::advisory);
    }
    CHECK(find_cause({{}, exit_status::lost(10), said, true, true}).sure <= confidence::high);
}
