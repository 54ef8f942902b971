// Options of backends against the tables that plugins publish.
#include <string>
#include <vector>

#include "settings/backend_options.hpp"
#include "support.hpp"
#include "support/catch.hpp"

using namespace fd2::settings;

namespace {

const std::vector<option_rule> rules = {
    {"capacity", option_type::bytes, 4096, 1 << 20, {}},
    {"settle", option_type::duration, 0, fd2::second, {}},
    {"depth", option_type::integer, -1, 8, {}},
    {"eager", option_type::boolean, 0, 1, {}},
    {"mode", option_type::choice, 0, 0, {"stream", "off"}},
};

struct outcome {
    std::vector<checked_option> good;
    std::string said;
};

outcome check(const std::string& text) {
    const scratch home;
    const std::string file = home.write("fd2.yaml", text);
    const loaded got = load_file(file);
    REQUIRE(test::said(got.diagnostics) == "");
    std::vector<diagnostic> found;
    outcome out;
    const auto given = got.values.options.find("pipe");
    REQUIRE(given != got.values.options.end());
    out.good = check_options("pipe", given->second, rules, found);
    out.said = test::said(found, home.path());
    return out;
}

}  // namespace

TEST_CASE("options of a backend arrive as the plugin takes them") {
    const auto got = check(
        "options:\n"
        "  pipe: { capacity: 64KiB, settle: \"100ms\", depth: -1, eager: yes, mode: off }\n");
    CHECK(got.said == "");
    CHECK(got.good == std::vector<checked_option>{
                          {"capacity", option_type::bytes, 65536, ""},
                          {"depth", option_type::integer, -1, ""},
                          {"eager", option_type::boolean, 1, ""},
                          {"mode", option_type::choice, 0, "off"},
                          {"settle", option_type::duration, 100 * fd2::millisecond, ""}});
}

TEST_CASE("every mistake in an option is told with its place and the way out") {
    const auto got = check(
        "options:\n"
        "  pipe:\n"
        "    capcity: 64KiB\n"
        "    capacity: 2MiB\n"
        "    settle: 100\n"
        "    depth: '3'\n"
        "    eager: \"true\"\n"
        "    mode: steam\n");
    CHECK(got.good.empty());
    CHECK(
        got.said ==
        "fd2.yaml:4:15: error: options.pipe.capacity: 2MiB is out of range; write 4KiB to 1MiB\n"
        "fd2.yaml:3:14: error: options.pipe.capcity: the backend has no such option; did you "
        "mean \"capacity\"?\n"
        "fd2.yaml:6:12: error: options.pipe.depth: \"3\" in quotes is text, not a number; write 3 "
        "without quotes\n"
        "fd2.yaml:7:12: error: options.pipe.eager: \"true\" in quotes is text, not a boolean; "
        "write true without quotes\n"
        "fd2.yaml:8:11: error: options.pipe.mode: \"steam\" is none of stream, off; did you mean "
        "\"stream\"?\n"
        "fd2.yaml:5:13: error: options.pipe.settle: \"100\" has no unit; write 100ms\n");
}

TEST_CASE("a backend without options says so") {
    const option_map given = {{"x", {"1", scalar_guess::integer, {}}}};
    std::vector<diagnostic> found;
    CHECK(check_options("pipe", given, {}, found).empty());
    CHECK(test::said(found) ==
          "built-in: error: options.pipe.x: the backend has no such option; nothing is valid "
          "here\n");
}
