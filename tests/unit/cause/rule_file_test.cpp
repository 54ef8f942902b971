// Files of rules, and what is said about wrong ones.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

#include "cause/rule_file.hpp"
#include "cause/search.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"
#include "unit/cause/support.hpp"

using namespace fd2;
using namespace fd2::cause;

namespace {

/// What is said about a file, line by line.
std::vector<std::string> mistakes(std::string_view text) {
    rule_file rules;
    settings::report found;
    rules.read(text, "f", found);
    std::vector<std::string> out;
    for (const auto& one : found.all()) out.push_back(one.text());
    return out;
}

struct wrong_file {
    const char* text;
    const char* said;
};

constexpr const char* start = "causes:\n- id: mine\n  class: config\n  next: \"Call Anna.\"\n  ";

}  // namespace

TEST_CASE("a file of rules is read") {
    rule_file rules;
    settings::report found;
    rules.read(
        "causes:\n"
        "- id: vpn-down\n"
        "  class: unreachable\n"
        "  tool: ssh\n"
        "  versions: ours\n"
        "  line: 'ssh: * Network is unreachable'\n"
        "  own-status: 255\n"
        "  next: Start the VPN.\n"
        "- id: quota\n"
        "  class: disk\n"
        "  line: [\"quota: *\", \"*: over quota\"]\n"
        "  with: \"*user*\"\n"
        "  status: [1, \"3-5\", SIGXFSZ, signal]\n"
        "  confidence: medium\n"
        "  result: true\n"
        "  next: Delete something.\n",
        "f", found);
    for (const auto& one : found.all()) UNSCOPED_INFO(one.text());
    REQUIRE_FALSE(found.has_errors());
    REQUIRE(rules.rules().size() == 2);
    const rule& first = rules.rules()[0];
    CHECK(first.id == "vpn-down");
    CHECK(first.is == kind::unreachable);
    CHECK(first.own_status == 255);
    CHECK(first.sure == confidence::high);
    const rule& second = rules.rules()[1];
    CHECK(second.tool == "any");
    CHECK(second.lines.size() == 2);
    CHECK(second.statuses.size() == 4);
    CHECK(second.statuses[1].last == 5);
    CHECK(second.statuses[2].first < 0);
    CHECK(second.result);

    const rule_file moved = std::move(rules);
    const std::vector<std::string> ssh{"ssh", "h"};
    const found_cause cause =
        find_cause({ssh, exit_status::exited(255),
                    "ssh: connect to host h port 22: Network is unreachable\n", false, false},
                   moved.rules());
    CHECK(cause.rule == "vpn-down");
    CHECK(cause.next == "Start the VPN.");
}

TEST_CASE("an empty file of rules is none") {
    CHECK(mistakes("").empty());
    CHECK(mistakes("causes:\n").empty());
    CHECK(mistakes("causes: []\n").empty());
}

TEST_CASE("mistakes in rules are named with line and column, and with advice") {
    const wrong_file table[] = {
        {"x", "f:1:1: error: a single value where causes are expected; write `causes:`"},
        {"rules: []\n", "f:1:1: error: rules: unknown key; write `causes:`"},
        {"causes: x\n", "f:1:9: error: causes: a single value where a list is expected"},
        {"causes:\n- x\n", "f:2:3: error: causes[0]: a single value where a rule is expected"},
        {"causes:\n- id: a\n", "f:2:3: error: causes[0]: has no class; write `class: config`"},
        {"causes:\n- id: a\n  class: auth\n", "f:2:3: error: causes[0]: has no next"},
        {"causes:\n- id: a\n  class: auth\n  line: [\"*\\\\*x\", y]\n  next: \"do {1:IT}\"\n",
         "f:2:3: error: causes[0].next: names * number 1, which not every line has; write the "
         "word"},
        {"causes:\n- id: a\n  class: auth\n  line: \"x*\"\n  next: \"do {1:it}\"\n",
         "f:5:9: error: causes[0].next: \"do {1:it}\" has a placeholder that is not whole; write "
         "{1"},
        {"causes:\n- id: A b\n", "f:2:7: error: causes[0].id: \"A b\" is not a valid id"},
        {"causes:\n- id: a\n  class: aut\n",
         "f:3:10: error: causes[0].class: \"aut\" is not a valid choice; did you mean \"auth\"?"},
        {"causes:\n- id: a\n  lines: x\n",
         "f:3:3: error: causes[0].lines: unknown key; did you mean \"line\"?"},
        {"causes:\n- id: a\n\tclass: auth\n", "f:3:1: error: a tab in the indentation"},
        {"causes:\n- id: [a]\n", "f:2:7: error: causes[0].id: a list where a single value"},
        {"causes:\n- id:\n", "f:2:3: error: causes[0].id: has no value"},
        {"causes: [\n", "f:2:1: error: "},
        {"causes:\n- id: a\n  id: b\n", "f:3:3: error: causes.id: given twice"},
    };
    for (const auto& [text, said] : table) {
        const auto all = mistakes(text);
        INFO(text);
        for (const auto& one : all) UNSCOPED_INFO(one);
        CHECK(std::any_of(all.begin(), all.end(), [&wanted = said](const std::string& one) {
            return one.starts_with(wanted);
        }));
    }
    const wrong_file members[] = {
        {"line: \"*\"", "f:5:9: error: causes[0].line: \"*\": matches every line (character 1)"},
        {"line: \"a**b\"", "\"a**b\": two * in a row (character 3); one means the same"},
        {"line: 'a\\b'", "a backslash that is not before * or \\ (character 2)"},
        {"line: []", "f:5:9: error: causes[0].line: 0 items, where 1 to 16 are expected"},
        {"line: [\"a\", {b: c}]", "a mapping where a single value is expected"},
        {"line: \"\"", "\"\" is not 1 to 200 bytes"},
        {"line: a\n  own-status: 0", "f:6:15: error: causes[0].own-status: \"0\" is no status"},
        {"line: a\n  own-status: 256", "\"256\" is no status of a failure"},
        {"status: 300", "\"300\" is no status; write a status (137), a range (129-159), a signal"},
        {"status: [5-3]", "\"5-3\" is no status"},
        {"status: SIGNONE", "\"SIGNONE\" is no status"},
        {"line: a\n  result: perhaps", "\"perhaps\" is neither true nor false"},
        {"line: a\n  tool: /bin/sh", "\"/bin/sh\" is no program's name"},
        {"line: a\n  confidence: sure", "f:6:15: error: causes[0].confidence: \"sure\" is not a"},
        {"versions: x", "has neither line nor status, and would be met by every failure"},
        {"status: 1\n  with: a", "has no line, which `with`, `result` and advisory are about"},
        {"line: &a x", "f:5:9: error: causes.line: anchors are not supported"},
        {"line: \"unclosed", "f:5:9: error: causes.line: the quote that opens here is not closed"},
    };
    for (const auto& [text, said] : members) {
        const auto all = mistakes(start + std::string(text) + "\n");
        INFO(text);
        for (const auto& one : all) UNSCOPED_INFO(one);
        CHECK(std::any_of(all.begin(), all.end(), [&part = said](const std::string& one) {
            return one.find(part) != std::string::npos;
        }));
    }
}

TEST_CASE("a rule with a mistake is left out, and the others are taken") {
    rule_file rules;
    settings::report found;
    rules.read(
        "causes:\n- id: a\n  class: nosuch\n  line: x\n  next: n\n"
        "- id: b\n  class: auth\n  line: x\n  next: n\n- id: b\n  class: auth\n  line: y\n  next: "
        "n\n",
        "f", found);
    REQUIRE(found.all().size() == 2);
    CHECK(found.all()[1].text() ==
          "f:10:7: error: causes[2].id: \"b\" is given twice; choose another id");
    REQUIRE(rules.rules().size() == 1);
    CHECK(rules.rules()[0].id == "b");
}

TEST_CASE("no damage to a file of rules goes unnoticed or does harm") {
    const std::string whole = test::read(FD2_CAUSES);
    std::mt19937 random(15);
    const auto below = [&](std::size_t limit) { return random() % limit; };
    for (int round = 0; round < 150; ++round) {
        // A piece of the file, so that a round is short, with some bytes changed.
        std::size_t from = whole.find("\n- id:", below(whole.size() - 3000)) + 1;
        std::string text = "causes:\n" + whole.substr(from, 1500);
        for (std::size_t i = 0, changes = 1 + below(4); i < changes; ++i) {
            const std::size_t at = 8 + below(text.size() - 8);
            switch (below(4)) {
                case 0:
                    text[at] = static_cast<char>(below(256));
                    break;
                case 1:
                    text.erase(at, 1 + below(20));
                    break;
                case 2:
                    text.insert(at, text.substr(8 + below(text.size() - 8), below(40)));
                    break;
                default:
                    text.insert(at, 1, ":{}[]*\\\"'#&!|>-\n\t "[below(18)]);
                    break;
            }
        }
        rule_file rules;
        settings::report found;
        rules.read(text, "f", found);
        for (const auto& one : found.all()) {
            INFO(text);
            INFO(one.text());
            CHECK(one.at.line >= 1);
            CHECK(one.at.column >= 1);
            CHECK_FALSE(one.message.empty());
            CHECK(one.text().find('\n') == std::string::npos);
        }
        for (const rule& one : rules.rules()) {
            CHECK_FALSE(one.id.empty());
            CHECK_FALSE(one.next.empty());
        }
        const std::vector<std::string> ssh{"ssh", "h"};
        (void)find_cause({ssh, exit_status::exited(255), text, false, false}, rules.rules());
    }
}

TEST_CASE("rules are loaded from a file or from a directory") {
    const scratch home;
    const auto write = [&](const std::string& name, const std::string& text) {
        const std::string path = home.path() + '/' + name;
        std::ofstream(path) << text;
        std::filesystem::permissions(path, std::filesystem::perms(0644));
        return path;
    };
    const auto rule_called = [](const std::string& id) {
        return "causes:\n- id: " + id + "\n  class: auth\n  line: x\n  next: n\n";
    };
    const std::string file = write("20-b.yaml", rule_called("b"));
    write("10-a.yaml", rule_called("a"));
    write("other.txt", "x");
    settings::report found;
    rule_file one, all;
    one.load(file, found);
    all.load(home.path(), found);
    for (const auto& each : found.all()) UNSCOPED_INFO(each.text());
    CHECK_FALSE(found.has_errors());
    CHECK(one.rules().size() == 1);
    REQUIRE(all.rules().size() == 2);
    CHECK(all.rules()[0].id == "a");

    rule_file none;
    none.load(home.path() + "/missing", found);
    REQUIRE(found.all().size() == 1);
    CHECK(found.all()[0].text() == home.path() +
                                       "/missing: error: does not exist; create it, or "
                                       "correct why.rules");
    std::filesystem::permissions(file, std::filesystem::perms(0666));
    none.load(file, found);
    CHECK(found.all().size() == 2);
    CHECK(none.rules().empty());
}
