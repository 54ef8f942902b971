// The causes of real failures, as they were recorded.
#include <map>
#include <regex>
#include <set>

#include "cause/pattern.hpp"
#include "support/catch.hpp"
#include "unit/cause/support.hpp"

using namespace fd2;
using namespace fd2::cause;

namespace {

bool is_line(const test::recorded& one, const found_cause& found) {
    if (one.line.empty()) return !found.line;
    // The tests' own words and recordings: short lines, so that std::regex will do.
    return found.line && std::regex_match(found.line->substr(0, 500), std::regex(one.line));
}

std::string describe(const test::recorded& one, const found_cause& found) {
    return one.name + ": " + std::string(name_of(found.is)) + " (" +
           std::string(name_of(found.sure)) + ", " + found.rule + "): " + found.line.value_or("-");
}

}  // namespace

TEST_CASE("the causes of real failures are found") {
    std::map<std::string, std::string> wrong;
    std::size_t right = 0, all = 0;
    for (const auto& one : test::corpus()) {
        const found_cause found = find_cause(one.run());
        ++all;
        INFO(describe(one, found));
        if (one.is == name_of(found.is) && is_line(one, found)) {
            ++right;
        } else {
            wrong[one.name] = describe(one, found);
            // What cannot be known from outside is not claimed to be.
            CHECK(found.sure == confidence::low);
            CHECK(one.unknowable);
        }
        CHECK(found.is != kind::advisory);
        CHECK_FALSE(found.next.empty());
    }
    for (const auto& [name, text] : wrong) UNSCOPED_INFO(text);
    CHECK(all >= 140);
    CHECK(right * 60 >= all * 57);
}

TEST_CASE("most causes are found with confidence") {
    std::size_t high = 0, all = 0;
    for (const auto& one : test::corpus()) {
        const found_cause found = find_cause(one.run());
        ++all;
        high += found.sure == confidence::high ? 1 : 0;
        if (one.line.empty() || one.is == "remote-command" || one.unknowable) continue;
        INFO(describe(one, found));
        CHECK(found.sure == confidence::high);
    }
    CHECK(high * 2 > all);
}

TEST_CASE("each built-in rule is met by a recorded failure") {
    std::set<std::string> met{"signal-passed-on", "signal-passed-on-maybe"};  // not in a recording
    for (const auto& one : test::corpus()) {
        met.insert(find_cause(one.run()).rule);
        for (const rule& each : built_in_rules()) {
            if (!each.result && each.is != kind::advisory) continue;
            for (const auto& pattern : each.lines) {
                for (std::size_t at = 0; at < one.said.size();) {
                    const std::size_t end = std::min(one.said.find('\n', at), one.said.size());
                    std::string line = one.said.substr(at, end - at);
                    while (!line.empty() && (line.back() == '\r' || line.back() == ' '))
                        line.pop_back();
                    work enough{1'000'000};
                    if (matches(pattern, line, enough)) met.insert(std::string(each.id));
                    at = end + 1;
                }
            }
        }
    }
    for (const rule& each : built_in_rules()) {
        INFO(each.id);
        CHECK(met.count(std::string(each.id)) == 1);
    }
}

TEST_CASE("without the command's words the causes that lines tell are the same") {
    for (const auto& one : test::corpus()) {
        if (one.line.empty() || one.is == "remote-command" || one.unknowable) continue;
        failed_run run = one.run();
        run.command = {};
        const found_cause found = find_cause(run);
        INFO(describe(one, found));
        CHECK(one.is == name_of(found.is));
    }
}

TEST_CASE("noise before and after does not change a cause") {
    const std::string before =
        "Warning: Permanently added '[h]:22' (ED25519) to the list of known hosts.\r\n"
        "** WARNING: connection is not using a post-quantum key exchange algorithm.\r\n";
    const std::string after = "debug1: Exit status 255\n\n   \nConnection to h closed.\r\n";
    for (const auto& one : test::corpus()) {
        const found_cause bare = find_cause(one.run());
        const std::string said = before + one.said + after;
        failed_run run = one.run();
        run.said = said;
        INFO(one.name);
        CHECK(find_cause(run) == bare);
    }
}

TEST_CASE("only the end is looked at") {
    const std::string much(3'000'000, 'x');
    std::string many;
    for (int i = 0; i < 5000; ++i) many += "root@h: Permission denied (publickey).\n";
    for (int i = 0; i < 300; ++i) many += "debug1: x\n";
    const std::vector<std::string> ssh{"ssh", "h"};
    CHECK(find_cause({ssh, exit_status::exited(255), many, false, false}).rule ==
          "ssh-255-said-nothing");
    const std::string last = much + "\nssh: connect to host h port 22: Connection refused\n";
    CHECK(find_cause({ssh, exit_status::exited(255), last, false, false}).rule == "ssh-refused");
}
