// Rules: patterns, the order in which they are tried, and sticky percentages.
#include "settings/rules.hpp"

#include <string>
#include <vector>

#include "settings/rollout.hpp"
#include "support.hpp"
#include "support/catch.hpp"

using namespace fd2::settings;
using rule_outcome = rule_result::outcome;

namespace {

run_facts ssh_to(const std::string& host) {
    run_facts out;
    out.command = "ssh";
    out.host = host;
    out.user = [] { return std::string("me"); };
    out.machine = [] { return std::string("machine"); };
    return out;
}

loaded load_for(const run_facts& facts, const std::string& system_file) {
    inputs from;
    from.system_file = system_file;
    from.facts = &facts;
    return load(from);
}

/// The rule applies to this host.
bool reaches(const std::string& file, const std::string& host) {
    const loaded got = load_for(ssh_to(host), file);
    REQUIRE(got.ok());
    return got.rule() != nullptr;
}

}  // namespace

TEST_CASE("the hash is the one that is published as MurmurHash3_x86_32") {
    CHECK(murmur3_32("") == 0);
    CHECK(murmur3_32("test") == 0xba6bd213);
    CHECK(murmur3_32("Hello, world!") == 0xc0363e43);
    CHECK(murmur3_32("The quick brown fox jumps over the lazy dog") == 0x2e4ff723);
    // Of the specification of Unleash's clients, which count from 1 to 100.
    CHECK(murmur3_32("gr1:123") % 100 + 1 == 73);
    CHECK(murmur3_32("groupX:999") % 100 + 1 == 25);
    // Bytes from 0x80 on are not negative.
    CHECK(murmur3_32("\xff\xff\xff\xff") == 0x76293B50);
}

TEST_CASE("the buckets of docs/rules.md") {
    CHECK(murmur3_32("pipe-2026:web1") == 0xa4033fc8);
    CHECK(bucket_of("pipe-2026", "web1") == 6360);
    CHECK(murmur3_32("pipe-2026:web2") == 0xc000ae90);
    CHECK(bucket_of("pipe-2026", "web2") == 160);
    CHECK(murmur3_32("pipe-2026:db1.example.com") == 0x0d638d00);
    CHECK(bucket_of("pipe-2026", "db1.example.com") == 7968);
    CHECK(murmur3_32("pipe-2026:web1:alice") == 0xc97d142a);
    CHECK(bucket_of("pipe-2026", "web1:alice") == 7578);
    CHECK(format_percent(0) == "0");
    CHECK(format_percent(5) == "0.05");
    CHECK(format_percent(1250) == "12.5");
    CHECK(format_percent(9999) == "99.99");
    CHECK(format_percent(10000) == "100");
}

TEST_CASE("a bucket holds about its share of many keys") {
    constexpr int keys = 100000;
    int below_ten = 0;
    for (int i = 0; i < keys; ++i) {
        if (bucket_of("share", "host" + std::to_string(i)) < 1000) ++below_ten;
    }
    CHECK(below_ten > keys / 10 - 500);  // five standard deviations
    CHECK(below_ten < keys / 10 + 500);
}

TEST_CASE("a higher percentage loses nobody, and 0 and 100 are none and all") {
    const scratch home;
    std::vector<bool> before(50, false);
    for (const std::string percent : {"0", "0.5", "1", "7.25", "10", "33", "50", "99.99", "100"}) {
        const auto file =
            home.write("fd2.yaml", "rules:\n- rollout: {percent: " + percent +
                                       ", by: [host], salt: s}\n  set: {surface: never}\n");
        std::size_t reached = 0;
        for (std::size_t i = 0; i < before.size(); ++i) {
            const bool now = reaches(file, "host" + std::to_string(i));
            INFO(percent << " host" << i);
            CHECK((now || !before[i]));
            before[i] = now;
            reached += now;
        }
        if (percent == "0") CHECK(reached == 0);
        if (percent == "100") CHECK(reached == before.size());
    }
}

TEST_CASE("a percentage has two decimals, and a bucket equal to it is outside") {
    const scratch home;
    const std::uint32_t bucket = bucket_of("s", "web1");
    const auto at = [&](std::uint32_t percent) {
        return home.write("fd2.yaml", "rules:\n- rollout: {percent: " + format_percent(percent) +
                                          ", by: host, salt: s}\n  set: {}\n");
    };
    CHECK_FALSE(reaches(at(bucket), "web1"));
    CHECK(reaches(at(bucket + 1), "web1"));
}

TEST_CASE("patterns are globs, and a negated one that matches decides") {
    CHECK(matches_patterns({"web*"}, "web1"));
    CHECK_FALSE(matches_patterns({"web*"}, "db1"));
    CHECK(matches_patterns({"web?", "db[12]"}, "db2"));
    CHECK_FALSE(matches_patterns({"web*", "!web9"}, "web9"));
    CHECK_FALSE(matches_patterns({"!web9", "web*"}, "web9"));
    CHECK(matches_patterns({"!web9", "web*"}, "web8"));
    CHECK_FALSE(matches_patterns({"!web9"}, "db1"));
    CHECK(matches_patterns({"*"}, ".hidden/x"));
    CHECK_FALSE(matches_patterns({"WEB1"}, "web1"));
}

TEST_CASE("the first rule that fits applies, alone, after its file and before later ones") {
    const scratch home;
    home.write("fd2.yaml",
               "capture: {tail: 1KiB, max-line: 1KiB}\n"
               "rules:\n"
               "- {name: other, when: {host: db*}, set: {surface: never}}\n"
               "- {name: first, when: {host: web*}, set: {capture: {tail: 2KiB, max-line: 2KiB}}}\n"
               "- {name: second, set: {surface: always}}\n");
    const loaded got = load_for(ssh_to("web1"), home.path() + "/fd2.yaml");
    REQUIRE(test::said(got.diagnostics) == "");
    REQUIRE(got.rules.size() == 3);
    CHECK(got.rules[0].result == rule_outcome::differs);
    CHECK(got.rules[0].why == "host \"web1\" does not match db*");
    CHECK(got.rules[1].result == rule_outcome::applies);
    CHECK(got.rules[2].result == rule_outcome::shadowed);
    CHECK(got.rule()->name == "first");
    CHECK(got.rule()->at.line == 4);
    CHECK(got.values.capture.tail == 2048);
    CHECK(got.values.surface == surface_policy::on_loss);
    CHECK(got.origin_of("capture.tail").line == 4);

    home.directory("fd2.yaml.d");
    home.write("fd2.yaml.d/1.yaml", "capture: {max-line: 3KiB}\n");
    const loaded later = load_for(ssh_to("web1"), home.path() + "/fd2.yaml");
    CHECK(later.values.capture.tail == 2048);
    CHECK(later.values.capture.max_line == 3072);

    home.write("fd2.yaml.d/2.yaml", "rules: [{name: last, set: {surface: never}}]\n");
    const loaded last = load_for(ssh_to("web1"), home.path() + "/fd2.yaml");
    REQUIRE(last.rule() != nullptr);
    CHECK(last.rule()->name == "last");
    CHECK(last.values.capture.tail == 1024);
}

TEST_CASE("without a command no rule applies, and each is checked") {
    const scratch home;
    const auto file = home.write("fd2.yaml", "rules: [{set: {surface: never}}]\n");
    const loaded got = test::load({}, {}, file);
    CHECK(got.values.surface == surface_policy::on_loss);
    REQUIRE(got.rules.size() == 1);
    CHECK(got.rules[0].result == rule_outcome::unasked);
    CHECK_FALSE(test::load({}, {}, home.write("b.yaml", "rules: [{set: {surface: x}}]\n")).ok());
}

TEST_CASE("what costs something is asked only if a rule needs it") {
    const scratch home;
    run_facts facts = ssh_to("web1");
    int asked = 0;
    facts.user = [&] {
        ++asked;
        return std::string("me");
    };
    const auto file = home.write("fd2.yaml",
                                 "rules:\n"
                                 "- {when: {host: db*, user: me}, set: {}}\n"
                                 "- {when: {host: web*}, set: {surface: never}}\n");
    CHECK(load_for(facts, file).values.surface == surface_policy::never);
    CHECK(asked == 0);
    const auto by_user = home.write("fd2.yaml", "rules: [{when: {user: me}, set: {}}]\n");
    CHECK(load_for(facts, by_user).rule() != nullptr);
    CHECK(asked == 1);
}

TEST_CASE("a rollout by host passes over a command without one, at 100 percent too") {
    const scratch home;
    run_facts facts = ssh_to("x");
    facts.host.reset();
    const auto file = home.write("fd2.yaml",
                                 "rules:\n"
                                 "- {rollout: {percent: 100, by: [user, host], salt: s}, set: {}}\n"
                                 "- {rollout: {percent: 100, by: user, salt: s}, set: {}}\n");
    const loaded got = load_for(facts, file);
    REQUIRE(got.rules.size() == 2);
    CHECK(got.rules[0].why == "the rollout is by host, and the command names no remote host");
    CHECK_FALSE(got.rules[0].rollout->bucket);
    CHECK(got.rules[1].result == rule_outcome::applies);
    CHECK(got.rules[1].rollout->bucket == bucket_of("s", "me"));
}

TEST_CASE("the key of a rollout has its parts in the order of the list") {
    const scratch home;
    const auto file = home.write("fd2.yaml",
                                 "rules:\n- rollout:\n    percent: 100\n"
                                 "    by: [user, host, command, machine]\n    salt: s\n"
                                 "  set: {}\n");
    CHECK(load_for(ssh_to("web1"), file).rules[0].rollout->bucket ==
          murmur3_32("s:me:web1:ssh:machine") % 10000);
}

TEST_CASE("a rule with a mistake in its conditions disables nothing") {
    const scratch home;
    const auto file =
        home.write("fd2.yaml", "rules: [{when: {hots: web1}, set: {enabled: false}}]\n");
    const loaded got = load_for(ssh_to("db1"), file);
    CHECK_FALSE(got.ok());
    CHECK_FALSE(got.steps_aside());
    // One in what it sets does not take the switch away.
    const auto set = home.write(
        "fd2.yaml", "rules: [{when: {host: web1}, set: {surface: x, enabled: false}}]\n");
    CHECK(load_for(ssh_to("web1"), set).steps_aside());
    CHECK_FALSE(load_for(ssh_to("db1"), set).steps_aside());
}
