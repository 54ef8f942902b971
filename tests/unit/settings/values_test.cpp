#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "settings/nearest.hpp"
#include "settings/origin.hpp"
#include "settings/quantity.hpp"
#include "settings/values.hpp"
#include "support.hpp"
#include "support/catch.hpp"

using namespace fd2::settings;

TEST_CASE("sizes and lengths of time are read with their units") {
    CHECK(parse_size("0B").value == 0);
    CHECK(parse_size("1B").value == 1);
    CHECK(parse_size("64KiB").value == 65536);
    CHECK(parse_size("1MiB").value == 1048576);
    CHECK(parse_size("3GiB").value == 3221225472);
    CHECK(parse_size("1TiB").value == 1099511627776);
    CHECK(parse_duration("7ns").value == 7);
    CHECK(parse_duration("50us").value == 50'000);
    CHECK(parse_duration("25ms").value == 25'000'000);
    CHECK(parse_duration("2s").value == 2 * fd2::second);
    CHECK(parse_duration("5min").value == 300 * fd2::second);
    CHECK(parse_duration("1h").value == 3600 * fd2::second);
}

TEST_CASE("the largest values are read and one more is refused") {
    CHECK(parse_size("9223372036854775807B").value == std::numeric_limits<std::int64_t>::max());
    CHECK_FALSE(parse_size("9223372036854775808B").value);
    CHECK(parse_size("8388607TiB").value == 8388607LL << 40);
    CHECK_FALSE(parse_size("8388608TiB").value);
    CHECK_FALSE(parse_duration("2562048h").value);
    CHECK(parse_duration("2562047h").value);
}

TEST_CASE("what is nearly a quantity is refused with the right spelling") {
    CHECK(parse_size("64").wrong.advice == "write 64B or 64KiB");
    CHECK(parse_size("0").wrong.advice == "write 0B");
    CHECK(parse_size("65536").wrong.advice == "write 64KiB");
    CHECK(parse_size("100000").wrong.advice == "write 100000B");
    CHECK(parse_size("10m").wrong.advice == "write 10MiB");
    CHECK(parse_size("10 kb").wrong.advice == "write 10KiB");
    CHECK(parse_duration("50").wrong.advice == "write 50ms");
    CHECK(parse_duration("3 secs").wrong.advice == "write 3s");
    CHECK(parse_duration("5m").wrong.advice == "write 5min or 5ms");
    for (const std::string_view wrong : {"", " ", "-", "+1KiB", " 1KiB", "1KiB ", "1KiBs", "0x10B",
                                         "1e3B", "\xff", "KiB", "1..B"}) {
        INFO(wrong);
        CHECK_FALSE(parse_size(wrong).value);
        CHECK_FALSE(parse_size(wrong).wrong.advice.empty());
    }
}

TEST_CASE("what is written is read again as the same") {
    for (const std::int64_t n : {0LL, 1LL, 1000LL, 1024LL, 65536LL, 1536LL, 1LL << 40, 1234567LL}) {
        CHECK(parse_size(format_size(n)).value == n);
        CHECK(parse_duration(format_duration(n)).value == n);
    }
    CHECK(format_size(65536) == "64KiB");
    CHECK(format_size(1000) == "1000B");
    CHECK(format_duration(25 * fd2::millisecond) == "25ms");
    CHECK(format_duration(90 * fd2::second) == "90s");
}

TEST_CASE("the nearest name is found, and only a near one") {
    const std::vector<std::string_view> names = {"tail", "max-line", "linger", "linger-max"};
    CHECK(nearest("tial", names) == "tail");
    CHECK(nearest("Tail", names) == "tail");
    CHECK(nearest("max_line", names) == "max-line");
    CHECK(nearest("maxline", names) == "max-line");
    CHECK(nearest("lingr", names) == "linger");
    CHECK(nearest("linger-mx", names) == "linger-max");
    CHECK_FALSE(nearest("colour", names));
    CHECK_FALSE(nearest("", names));
    CHECK_FALSE(nearest("x", names));
    CHECK_FALSE(nearest(std::string(1 << 20, 't'), names));
    CHECK(suggest("colour", names) == "valid here: tail, max-line, linger, linger-max");
    CHECK(suggest("colour", {}) == "nothing is valid here");
}

TEST_CASE("scalars are recognised for what they look like") {
    CHECK(guess("on", false) == scalar_guess::boolean);
    CHECK(guess("on", true) == scalar_guess::text);
    CHECK(guess("oN", false) == scalar_guess::text);
    CHECK(guess("-12", false) == scalar_guess::integer);
    CHECK(guess("64KiB", false) == scalar_guess::size);
    CHECK(guess("5ms", false) == scalar_guess::duration);
    CHECK(guess("fast", false) == scalar_guess::text);
    CHECK(guess("", false) == scalar_guess::text);
    CHECK(guess("-", false) == scalar_guess::text);
}

TEST_CASE("one and zero are booleans where nothing else could be meant") {
    const origin variable{source::environment, "FD2_X", 0, 0}, file{source::file, "f", 1, 1};
    CHECK(to_bool({"1", false, variable}).value == true);
    CHECK(to_bool({"0", false, variable}).value == false);
    CHECK_FALSE(to_bool({"1", false, file}).value);
}

TEST_CASE("text that is shown can neither move the cursor nor fill the screen") {
    CHECK(display("a\x1b[31m\n\x7f\xc2\x9b") == "\"a\\x1b[31m\\n\\x7f\\xc2\\x9b\"");
    const std::string longer(1000, 'x');
    CHECK(display(longer) == "\"" + std::string(40, 'x') + "...\"");
    // Not cut within a character.
    CHECK(display(std::string(39, 'x') + "\xe2\x82\xac") == "\"" + std::string(39, 'x') + "...\"");

    const diagnostic one{fd2::severity::error, {source::file, "a\nb", 1, 2}, "k\x1b", "m\r", "w"};
    CHECK(one.text() == "a\\nb:1:2: error: k\\x1b: m\\r; w");
}

TEST_CASE("a hopeless file is cut short") {
    report out;
    for (int i = 0; i < 1000; ++i) out.error({source::file, "f", 1, 1}, "k", "m");
    REQUIRE(out.all().size() == report::limit + 1);
    CHECK(out.all().back().text() ==
          "f: error: too many errors; the rest is not shown; fix these first");
}

TEST_CASE("an error after too many warnings is still an error") {
    std::vector<std::string> variables;
    for (int i = 0; i < 200; ++i) variables.push_back("FD2_FRUIT_" + std::to_string(i) + "=1");
    CHECK(test::load(variables).ok());
    CHECK_FALSE(test::load(variables, {{"surface", "x", "--surface"}}).ok());
}

TEST_CASE("text is spelled so that YAML reads it back") {
    CHECK(yaml_text("pipe") == "pipe");
    CHECK(yaml_text("/usr/lib") == "/usr/lib");
    for (const std::string_view text : {"", "on", "null", "12", "a b", "a: b", "~", "\"\\\x1b", "-",
                                        "64KiB", "#x", "[a]", "\u00e9"}) {
        INFO(text);
        CHECK(yaml_text(text).front() == '"');
    }
}
