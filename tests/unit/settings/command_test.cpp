// The logic of `fd2 config`.
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "cli/config.hpp"
#include "settings/keys.hpp"
#include "settings/schema.hpp"
#include "support.hpp"
#include "support/catch.hpp"

using namespace fd2::settings;

namespace {

std::string shown(const loaded& what, bool with_origin, bool json) {
    std::ostringstream out;
    CHECK(fd2::cli::config_show(what, with_origin, json, {}, out) == (what.ok() ? 0 : 1));
    return out.str();
}

/// Every key away from its default, and text that needs care.
loaded changed(const scratch& home) {
    const auto system = home.write("etc.yaml",
                                   "capture: { tail: 1000B }\n"
                                   "forward: { mode: off, prefix: \"a\\\"\\\\\\x1b: # \" }\n"
                                   "options:\n"
                                   "  pipe: { capacity: 1MiB, mode: \"12\", word: \"on\" }\n"
                                   "plugins: { path: [\"//opt/with space\"] }\n");
    return test::load({"FD2_LOG_CONSOLE=off", "FD2_LOG_FILE=/var/log/x: y", "FD2_REQUIRE=tty,wake",
                       "FD2_FORWARD_STALL=90s"},
                      {{"log.keep", "0", "--keep"}}, system);
}

}  // namespace

TEST_CASE("config check says ok, or every mistake") {
    const scratch home;
    std::ostringstream out, err;
    const auto good = home.write("good.yaml", "transport: async\n");
    CHECK(fd2::cli::config_check(good, out, err) == 0);
    CHECK(out.str() == good + ": ok\n");
    CHECK(err.str() == "");

    out.str("");
    const auto bad = home.write("bad.yaml", "transport: x\nsurface: y\n");
    CHECK(fd2::cli::config_check(bad, out, err) == 1);
    CHECK(out.str() == "");
    CHECK(err.str() == bad +
                           ":1:12: error: transport: \"x\" is not a valid choice; write one of "
                           "sync, async\n" +
                           bad +
                           ":2:10: error: surface: \"y\" is not a valid choice; write one of "
                           "on-loss, always, never\n");

    err.str("");
    CHECK(fd2::cli::config_check(home.path() + "/absent", out, err) == 1);
    CHECK(err.str().find("does not exist") != std::string::npos);
}

TEST_CASE("what config show prints can be loaded again and gives the same values") {
    const scratch home;
    for (const bool with_origin : {false, true}) {
        loaded before = changed(home);
        REQUIRE(test::said(before.diagnostics) == "");
        const auto file = home.write("again.yaml", shown(before, with_origin, false));
        INFO(test::read(file));
        loaded after = load_file(file);
        CHECK(test::said(after.diagnostics) == "");
        // Origins differ, of course.
        for (auto* one : {&before, &after}) {
            for (auto& [backend, options] : one->values.options) {
                for (auto& [name, option] : options) option.at = {};
            }
        }
        CHECK(after.values == before.values);
    }
}

TEST_CASE("config show --origin names the layer of every value") {
    const scratch home;
    const loaded what = changed(home);
    const std::string text = shown(what, true, false);
    CHECK(text.find("  # " + home.path() + "/etc.yaml:1:18\n") != std::string::npos);
    CHECK(text.find("  # variable FD2_LOG_CONSOLE\n") != std::string::npos);
    CHECK(text.find("  # option --keep\n") != std::string::npos);
    CHECK(text.find("  # built-in\n") != std::string::npos);
    CHECK(shown(what, false, false).find("built-in") == std::string::npos);
}

TEST_CASE("config show --json has the shape of a file, or is flat with origins") {
    const scratch home;
    const loaded what = changed(home);
    const auto nested = nlohmann::json::parse(shown(what, false, true));
    CHECK(nested["capture"]["tail"] == "1000B");
    CHECK(nested["log"]["console"] == "off");
    CHECK(nested["log"]["keep"] == 0);
    CHECK(nested["fallback"]["inherit"] == true);
    CHECK(nested["require"] == nlohmann::json::array({"tty", "wake"}));
    CHECK(nested["options"]["pipe"]["capacity"] == "1MiB");

    const auto flat = nlohmann::json::parse(shown(what, true, true));
    for (const key_info& key : keys()) CHECK(flat.contains(std::string(key.name)));
    CHECK(flat["capture.tail"] == nlohmann::json{{"value", "1000B"},
                                                 {"source", "file"},
                                                 {"name", home.path() + "/etc.yaml"},
                                                 {"line", 1},
                                                 {"column", 18}});
    CHECK(flat["log.keep"] ==
          nlohmann::json{{"value", 0}, {"source", "option"}, {"name", "--keep"}});
    CHECK(flat["surface"] == nlohmann::json{{"value", "on-loss"}, {"source", "built-in"}});
    CHECK(flat["options.pipe.word"]["value"] == "on");
}

TEST_CASE("a path that is not UTF-8 is shown, not thrown over") {
    const loaded what = test::load({"FD2_LOG_FILE=/tmp/\xff"});
    CHECK(what.ok());
    CHECK(nlohmann::json::accept(shown(what, false, true)));
}

TEST_CASE("config show of a broken configuration is 1") {
    CHECK(shown(test::load({"FD2_SURFACE=x"}), false, false).find("surface: on-loss") !=
          std::string::npos);
}

TEST_CASE("config schema and config defaults print what is committed") {
    std::ostringstream schema, defaults;
    CHECK(fd2::cli::config_schema(schema) == 0);
    CHECK(schema.str() == json_schema());
    CHECK(fd2::cli::config_defaults(defaults) == 0);
    CHECK(defaults.str() == commented_defaults());
}
