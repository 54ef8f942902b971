// The layers on Windows: where files are, how paths and lists of them are written, whom fd2 trusts.
#include <windows.h>

#include "base/files.hpp"
#include "settings/rules.hpp"
#include "support.hpp"
#include "support/catch.hpp"

using namespace fd2::settings;

TEST_CASE("the user's file is below APPDATA unless XDG_CONFIG_HOME says otherwise") {
    const scratch home;
    home.write("roaming/fd2/fd2.yaml", "surface: never\n");
    home.write("xdg/fd2/fd2.yaml", "surface: always\n");
    const std::string roaming = "APPDATA=" + home.path() + "/roaming";
    const loaded got = test::load({roaming});
    CHECK(test::said(got.diagnostics) == "");
    CHECK(got.values.surface == surface_policy::never);
    CHECK(test::load({roaming, "XDG_CONFIG_HOME=" + home.path() + "/xdg"}).values.surface ==
          surface_policy::always);
    CHECK(test::load({roaming, "XDG_CONFIG_HOME=xdg"}).values.surface == surface_policy::never);
    CHECK(test::load({"HOME=" + home.path()}).values.surface == surface_policy::on_loss);
}

TEST_CASE("the file for all users is below ProgramData") {
    CHECK(inputs().system_file.ends_with("/fd2/fd2.yaml"));
    CHECK(fd2::is_absolute(inputs().system_file));
}

TEST_CASE("later layers win, drop-ins between them") {
    const scratch home;
    const auto system = home.write("all/fd2.yaml", "surface: never\ncapture: { tail: 64KiB }\n");
    home.write("all/fd2.yaml.d/10-more.yaml", "capture: { tail: 128KiB }\n");
    home.write("all/fd2.yaml.d/20-other.yml", "");
    const loaded got = test::load({"FD2_SURFACE=always"}, {}, system);
    CHECK(got.values.surface == surface_policy::always);
    CHECK(got.values.capture.tail == 128 * 1024);
    CHECK(got.files.size() == 2);
}

TEST_CASE("directories are separated by semicolons, and either slash will do") {
    const loaded got = test::load({"FD2_PLUGIN_PATH=C:\\a;D:/b c;;"});
    CHECK(test::said(got.diagnostics) == "");
    REQUIRE(got.values.plugins.path.size() == 2);
    CHECK(got.values.plugins.path[0].path == "C:/a");
    CHECK(got.values.plugins.path[1].path == "D:/b c");
    const loaded named = test::load({"FD2_BACKENDS=C:/x/mine.dll,pipe"});
    CHECK(test::said(named.diagnostics) == "");
    CHECK(named.values.backends.sync == std::vector<std::string>{"C:/x/mine.dll", "pipe"});
}

TEST_CASE("a path in a file must have a drive") {
    const scratch home;
    const auto file = home.write("a.yaml", "plugins: { path: [/opt] }\n");
    CHECK(test::said(load_file(file).diagnostics, home.path()) ==
          "a.yaml:1:19: error: plugins.path[0]: \"/opt\" is not an absolute path; start it with "
          "C:/\n");
}

TEST_CASE("the backends are those of Windows") {
    const settings values;
    CHECK(values.backends.sync == std::vector<std::string>{"tcpshim", "pipe"});
    CHECK(values.backends.async == std::vector<std::string>{"tokio-like-async", "tcpshim", "pipe"});
    CHECK_FALSE(values.features.ssh_socketpair_stderr);
}

TEST_CASE("a directory and a device are no configuration files") {
    const scratch home;
    CHECK(
        test::said(load_file(home.path()).diagnostics).find("is a directory, not a regular file") !=
        std::string::npos);
    CHECK(test::said(load_file("NUL").diagnostics).find("not a regular file") != std::string::npos);
}

TEST_CASE("patterns match as they do elsewhere") {
    struct pattern_case {
        const char* pattern;
        const char* text;
        bool matches;
    };
    const pattern_case cases[] = {
        {"web*", "web12.example.org", true},
        {"web*", "db", false},
        {"*.example.org", "a.example.org", true},
        {"*.example.org", "example.org", false},
        {"w?b", "web", true},
        {"w?b", "wb", false},
        {"*a*b*c", "xxaxxbxxc", true},
        {"*a*b*c", "xxaxxcxxb", false},
        {"[a-c]x", "bx", true},
        {"[!a-c]x", "bx", false},
        {"[!a-c]x", "dx", true},
        {"[]]", "]", true},
        {"[a", "[a", true},
        {"\\*", "*", true},
        {"\\*", "x", false},
        {"", "", true},
        {"*", "", true},
        {"?", "\xC3\xBC", true},
        {"[\xC3\xA4-\xC3\xBC]", "\xC3\xB6", true},
        {"**", "abc", true},
    };
    for (const auto& one : cases) {
        INFO(one.pattern << " " << one.text);
        CHECK(matches_patterns({one.pattern}, one.text) == one.matches);
    }
}
