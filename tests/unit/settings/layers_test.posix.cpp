#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <vector>

#include "base/unique_fd.hpp"
#include "settings/keys.hpp"
#include "settings/quantity.hpp"
#include "support.hpp"
#include "support/catch.hpp"

using namespace fd2::settings;

TEST_CASE("without a file, a variable or an option everything is built in") {
    const loaded got = test::load({"PATH=/bin", "HOME=/nonexistent"});
    CHECK(got.ok());
    CHECK(got.values == settings{});
    CHECK(got.files.empty());
    CHECK(got.diagnostics.empty());
    for (const key_info& key : keys()) CHECK(got.origin_of(key.name).text() == "built-in");
}

TEST_CASE("no environment at all is fine") {
    inputs from;
    from.system_file = "/nonexistent/fd2.yaml";
    CHECK(load(from).values == settings{});
}

TEST_CASE("later layers win key by key and every value knows where it came from") {
    const scratch home;
    const auto system = home.write("etc/fd2.yaml",
                                   "capture:\n  tail: 1KiB\n  max-line: 1KiB\n"
                                   "finish: { linger: 1ms, linger-max: 2ms }\n"
                                   "require: [wake, tty]\n");
    const auto user = home.write("user/fd2/fd2.yaml",
                                 "capture: { max-line: 2KiB }\n"
                                 "finish: { linger: 3ms }\nrequire: [atomic]\n");
    const loaded got = test::load({"XDG_CONFIG_HOME=" + home.path() + "/user",
                                   "FD2_FINISH_LINGER=4ms", "FD2_FINISH_LINGER_MAX=5ms"},
                                  {{"finish.linger-max", "6ms", "--linger-max"}}, system);
    CHECK(test::said(got.diagnostics) == "");
    CHECK(got.files == std::vector<std::string>{system, user});
    CHECK(got.values.capture.tail == 1024);
    CHECK(got.origin_of("capture.tail").text() == system + ":2:9");
    CHECK(got.values.capture.max_line == 2048);
    CHECK(got.origin_of("capture.max-line").text() == user + ":1:22");
    CHECK(got.values.require == std::vector<capability>{capability::atomic});
    CHECK(got.origin_of("require").text() == user + ":3:10");
    CHECK(got.values.finish.linger == 4 * fd2::millisecond);
    CHECK(got.origin_of("finish.linger").text() == "FD2_FINISH_LINGER");
    CHECK(got.values.finish.linger_max == 6 * fd2::millisecond);
    CHECK(got.origin_of("finish.linger-max").text() == "--linger-max");
    CHECK(got.origin_of("surface").text() == "built-in");
}

TEST_CASE("the user's file is found below HOME unless XDG_CONFIG_HOME says otherwise") {
    const scratch home;
    home.write("home/.config/fd2/fd2.yaml", "surface: never\n");
    home.write("xdg/fd2/fd2.yaml", "surface: always\n");
    const std::string in_home = "HOME=" + home.path() + "/home";
    CHECK(test::load({in_home}).values.surface == surface_policy::never);
    CHECK(test::load({in_home, "XDG_CONFIG_HOME="}).values.surface == surface_policy::never);
    CHECK(test::load({in_home, "XDG_CONFIG_HOME=xdg"}).values.surface == surface_policy::never);
    CHECK(test::load({in_home, "XDG_CONFIG_HOME=" + home.path() + "/xdg"}).values.surface ==
          surface_policy::always);
    CHECK(test::load({"HOME=home"}).values.surface == surface_policy::on_loss);
}

TEST_CASE("a chosen file replaces both files, and an option's choice the variable's") {
    const scratch home;
    const auto system = home.write("etc.yaml", "surface: never\ncapture: { tail: 1KiB }\n");
    home.write("xdg/fd2/fd2.yaml", "capture: { tail: 2KiB }\n");
    const auto mine = home.write("mine.yaml", "transport: async\n");
    const auto other = home.write("other.yaml", "surface: always\n");
    const test::environment around(
        {"XDG_CONFIG_HOME=" + home.path() + "/xdg", "FD2_CONFIG=" + mine});
    inputs from;
    from.environment = around.block();
    from.system_file = system;

    loaded got = load(from);
    CHECK(got.ok());
    CHECK(got.files == std::vector<std::string>{mine});
    CHECK(got.values.transport == transport_kind::async);
    CHECK(got.values.surface == surface_policy::on_loss);
    CHECK(got.values.capture.tail == 65536);

    from.config = other;
    got = load(from);
    CHECK(got.files == std::vector<std::string>{other});
    CHECK(got.values.transport == transport_kind::sync);
    CHECK(got.values.surface == surface_policy::always);

    from.config = "none";
    got = load(from);
    CHECK(got.ok());
    CHECK(got.files.empty());
    CHECK(got.values == settings{});

    from.config = home.path() + "/absent.yaml";
    got = load(from);
    CHECK(test::said(got.diagnostics, home.path()) ==
          "absent.yaml: error: does not exist; name an existing file, or none to use no file\n");
    from.config = "/dev/null";
    CHECK(test::said(load(from).diagnostics) ==
          "/dev/null: error: is a device, not a regular file; name a regular file, or none to use "
          "no file\n");

    from.config = "";
    CHECK(test::said(load(from).diagnostics) ==
          "--config: error: no file name; write a path, or none to use no file\n");
}

TEST_CASE("mistakes of all layers are told together") {
    const scratch home;
    const auto system = home.write("etc.yaml", "surface: no-way\n");
    const loaded got =
        test::load({"FD2_CAPTURE_TAIL=64", "FD2_FEATURES=warp=on"},
                   {{"forward.mode", "rew", "--forward"}, {"a.b", "c", "--set"}}, system);
    CHECK_FALSE(got.ok());
    CHECK(test::said(got.diagnostics, home.path()) ==
          "etc.yaml:1:10: error: surface: \"no-way\" is not a valid choice; write one of on-loss, "
          "always, never\n"
          "FD2_FEATURES: error: features.warp: unknown feature; valid here: "
          "ssh-socketpair-stderr\n"
          "FD2_CAPTURE_TAIL: error: capture.tail: \"64\" has no unit; write 64B or 64KiB\n"
          "--forward: error: forward.mode: \"rew\" is none of raw, lines, lossy, off; did you mean "
          "\"raw\"?\n"
          "--set: error: a.b: unknown key; `fd2 config show` lists the keys\n");
    const auto why = as_failure(got.diagnostics);
    CHECK(why.code == fd2::errc::config);
    CHECK(why.message.find("FD2_CAPTURE_TAIL: error:") != std::string::npos);
}

TEST_CASE("a value that is refused leaves the weaker one in place") {
    const loaded got = test::load({"FD2_CAPTURE_TAIL=1KiB"}, {{"capture.tail", "x", "--tail"}});
    CHECK_FALSE(got.ok());
    CHECK(got.values.capture.tail == 1024);
    CHECK(got.origin_of("capture.tail").text() == "FD2_CAPTURE_TAIL");
}

TEST_CASE("every key can be set by its variable and by an option") {
    for (const key_info& key : keys()) {
        INFO(key.name);
        std::string text = text_of(key, key.get(settings{}));
        if (text.empty()) text = key.type == key_type::directories ? "/x:/y" : "wake";
        const loaded by_variable = test::load({variable_of(key) + '=' + text});
        CHECK(test::said(by_variable.diagnostics) == "");
        CHECK(by_variable.origin_of(key.name).text() == variable_of(key));
        CHECK(text_of(key, key.get(by_variable.values)) == text);

        const loaded by_option = test::load({}, {{std::string(key.name), text, "--x"}});
        CHECK(test::said(by_option.diagnostics) == "");
        CHECK(by_option.origin_of(key.name).text() == "--x");
        CHECK(text_of(key, key.get(by_option.values)) == text);
    }
}

TEST_CASE("FD2_BACKENDS sets both lists and the exact variables refine it") {
    const loaded got = test::load({"FD2_BACKENDS_ASYNC=tcpshim", "FD2_BACKENDS=pipe, socketpair,"});
    CHECK(test::said(got.diagnostics) == "");
    CHECK(got.values.backends.sync == std::vector<std::string>{"pipe", "socketpair"});
    CHECK(got.origin_of("backends.sync").text() == "FD2_BACKENDS");
    CHECK(got.values.backends.async == std::vector<std::string>{"tcpshim"});

    const loaded by_option = test::load({}, {{"backends", "tcpshim", "--backend"}});
    CHECK(by_option.values.backends.sync == by_option.values.backends.async);
    CHECK(by_option.origin_of("backends.async").text() == "--backend");
}

TEST_CASE("FD2_FEATURES and FD2_OPTIONS take several at once") {
    const loaded got = test::load({"FD2_FEATURES=ssh-socketpair-stderr=on",
                                   "FD2_OPTIONS=pipe.capacity=1MiB, tcpshim.settle=5ms"});
    CHECK(test::said(got.diagnostics) == "");
    CHECK(got.values.features.ssh_socketpair_stderr);
    const raw_option& capacity = got.values.options.at("pipe").at("capacity");
    CHECK(capacity.text == "1MiB");
    CHECK(capacity.guess == scalar_guess::size);
    CHECK(capacity.at.text() == "FD2_OPTIONS");
    CHECK(got.values.options.at("tcpshim").at("settle").guess == scalar_guess::duration);

    CHECK(test::said(test::load({"FD2_OPTIONS=pipe=1,x"}).diagnostics) ==
          "FD2_OPTIONS: error: options.pipe: does not name an option; write "
          "BACKEND.OPTION=VALUE\n"
          "FD2_OPTIONS: error: options: \"x\" has no value; write a pair such as "
          "pipe.capacity=1MiB\n");
    CHECK(test::said(test::load({}, {{"options.pipe", "1", "--set"}}).diagnostics) ==
          "--set: error: options.pipe: does not name an option; write "
          "options.BACKEND.OPTION=VALUE\n");
}

TEST_CASE("options of backends are merged option by option") {
    const scratch home;
    const auto system = home.write("etc.yaml", "options:\n  pipe: { capacity: 1MiB, depth: 3 }\n");
    const loaded got = test::load({"FD2_OPTIONS=pipe.depth=4"},
                                  {{"options.pipe.eager", "yes", "--option"}}, system);
    CHECK(test::said(got.diagnostics) == "");
    const option_map& pipe = got.values.options.at("pipe");
    CHECK(pipe.at("capacity").at.text() == system + ":2:21");
    CHECK(pipe.at("depth").text == "4");
    CHECK(pipe.at("eager").at.text() == "--option");
}

TEST_CASE("an unknown variable is a warning and an empty one is not there") {
    const loaded got = test::load({"FD2_CAPTURE_TIAL=1KiB", "FD2_PLUGINS_PATH=/x", "FD2_FRUIT=1",
                                   "FD2_CAPTURE_TAIL=", "FD2_UNKNOWN=", "FD2", "FD2_"});
    CHECK(got.ok());
    CHECK(got.values == settings{});
    CHECK(test::said(got.diagnostics) ==
          "FD2_CAPTURE_TIAL: warning: unknown variable; did you mean \"FD2_CAPTURE_TAIL\"?\n"
          "FD2_PLUGINS_PATH: warning: unknown variable; did you mean \"FD2_PLUGIN_PATH\"?\n"
          "FD2_FRUIT: warning: unknown variable; `fd2 config show` lists the keys\n");
}

TEST_CASE("of a variable that is there twice the first one counts") {
    const test::environment around({"FD2_SURFACE=never", "FD2_SURFACE=always"});
    inputs input;
    input.environment = around.block();
    input.system_file = "/nonexistent";
    CHECK(load(input).values.surface == surface_policy::never);
}

TEST_CASE("a plugin directory knows whether a file or the caller named it") {
    const scratch home;
    const auto system = home.write("etc.yaml", "plugins: { path: [/opt/a, /opt/b] }\n");
    CHECK(test::load({}, {}, system).values.plugins.path ==
          std::vector<plugin_directory>{{"/opt/a", false}, {"/opt/b", false}});
    CHECK(test::load({"FD2_PLUGIN_PATH=/opt/c::/opt/d:"}, {}, system).values.plugins.path ==
          std::vector<plugin_directory>{{"/opt/c", true}, {"/opt/d", true}});
    // Several options of the same name add up; together they replace the rest.
    CHECK(test::load({"FD2_PLUGIN_PATH=/opt/c"},
                     {{"plugins.path", "/opt/e", "--plugin-path"},
                      {"plugins.path", "/opt/f", "--plugin-path"}},
                     system)
              .values.plugins.path ==
          std::vector<plugin_directory>{{"/opt/e", true}, {"/opt/f", true}});
}

TEST_CASE("a relative path of the caller is relative to the working directory") {
    const std::string here = std::filesystem::current_path().string();
    const loaded got = test::load(
        {}, {{"plugins.path", "build/plugins", "--plugin-path"}, {"log.file", "fd2.log", "--log"}});
    CHECK(test::said(got.diagnostics) == "");
    CHECK(got.values.plugins.path ==
          std::vector<plugin_directory>{{here + "/build/plugins", true}});
    CHECK(got.values.log.file == here + "/fd2.log");
    const loaded variables = test::load({"FD2_PLUGIN_PATH=lib:/opt/x", "FD2_LOG_FILE=fd2.log"});
    CHECK(test::said(variables.diagnostics) == "");
    CHECK(variables.values.plugins.path ==
          std::vector<plugin_directory>{{here + "/lib", true}, {"/opt/x", true}});
    CHECK(variables.values.log.file == here + "/fd2.log");
    CHECK(test::load({"FD2_LOG_FILE=no"}).values.log.file.empty());
    CHECK(
        test::said(test::load({"FD2_PLUGIN_PATH=~/lib"}).diagnostics) ==
        "FD2_PLUGIN_PATH: error: plugins.path[0]: \"~/lib\" is not absolute; write the full path: "
        "~ is not expanded\n");
    CHECK(test::load({"FD2_LOG_FILE=/x"}, {{"log.file", "off", "--log"}}).values.log.file.empty());
}

TEST_CASE("with raised privileges the caller's files and variables do not count") {
    const scratch home;
    home.write("xdg/fd2/fd2.yaml", "surface: always\n");
    const auto system = home.write("etc.yaml", "transport: async\n");
    const test::environment around({"XDG_CONFIG_HOME=" + home.path() + "/xdg",
                                    "FD2_CONFIG=" + home.path() + "/x",
                                    "FD2_LOG_FILE=/etc/shadow"});
    inputs from;
    from.environment = around.block();
    from.system_file = system;
    from.privileged = true;
    loaded got = load(from);
    CHECK(got.ok());
    CHECK(got.values.transport == transport_kind::async);
    CHECK(got.values.surface == surface_policy::on_loss);
    CHECK(got.values.log.file.empty());
    CHECK(test::said(got.diagnostics) ==
          "FD2_CONFIG: warning: ignored: this process has raised privileges\n"
          "FD2_LOG_FILE: warning: ignored: this process has raised privileges\n");
    from.config = system;
    CHECK_FALSE(load(from).ok());
}

TEST_CASE("backends of the operator are asked for once, and only when needed") {
    const scratch home;
    int asked = 0;
    std::vector<plugin_directory> where;
    const backend_finder finder = [&](const std::vector<plugin_directory>& path) {
        ++asked;
        where = path;
        return available_backends{{"quic", "pipe"}, {"/opt/fd2", "/usr/lib/fd2"}};
    };
    const auto shipped = home.write("a.yaml", "backends: { sync: [tcpshim, /opt/x.so] }\n");
    CHECK(load_file(shipped, finder).ok());
    CHECK(asked == 0);
    const auto mine = home.write("b.yaml",
                                 "backends: { sync: [quic], async: [quick, carrier] }\n"
                                 "options: { quic: { depth: 1, width: 2 } }\n"
                                 "plugins: { path: [/opt/fd2] }\n");
    const loaded got = load_file(mine, finder);
    CHECK(asked == 1);
    CHECK(where == std::vector<plugin_directory>{{"/opt/fd2", false}});
    CHECK(got.ok());
    CHECK(test::said(got.diagnostics, home.path()) ==
          "b.yaml:1:35: warning: backends.async[0]: no backend \"quick\" in /opt/fd2, "
          "/usr/lib/fd2; it is skipped; did you mean \"quic\"?\n"
          "b.yaml:1:42: warning: backends.async[1]: no backend \"carrier\" in /opt/fd2, "
          "/usr/lib/fd2; it is skipped\n");
    CHECK(got.values.backends.async == std::vector<std::string>{"quick", "carrier"});
}

TEST_CASE("a backend that is not installed is passed over, unless it is all that was asked for") {
    const scratch home;
    const auto file = home.write("a.yaml",
                                 "backends: { sync: [mine, pipe] }\n"
                                 "options: { mine: { depth: 1, width: 2 } }\n");
    const loaded got = load_file(file);
    CHECK(got.ok());
    CHECK(test::said(got.diagnostics, home.path()) ==
          "a.yaml:1:20: warning: backends.sync[0]: no backend \"mine\"; it is skipped\n"
          "a.yaml:2:12: warning: options.mine: no backend \"mine\"; its options are ignored\n");
    CHECK(test::load({"FD2_BACKENDS=mine"}, {}).ok());
    CHECK(test::load({}, {{"backends", "mine,pipe", "--set"}}).ok());
    CHECK(test::load({}, {{"backends.sync", "mine,pipe", "--set"}}).ok());
    for (const char* key : {"backends", "backends.sync"}) {
        loaded asked = test::load({}, {{key, "socketpiar", "--backend"}});
        CHECK_FALSE(asked.ok());
        CHECK(test::said(asked.diagnostics) ==
              "--backend: error: unknown backend \"socketpiar\"; did you mean \"socketpair\"?\n");
        asked = test::load({}, {{key, "socketpiar", "--set"}});
        CHECK(test::said(asked.diagnostics) ==
              "--set: error: " + std::string(key) +
                  ": unknown backend \"socketpiar\"; did you mean \"socketpair\"?\n");
    }
    CHECK_FALSE(test::load({}, {{"options.mine.depth", "1", "--set"}}).ok());
    // What is no name at all is a mistake wherever it stands.
    CHECK_FALSE(load_file(home.write("b.yaml", "backends: { sync: ['My Own', pipe] }\n")).ok());
}

TEST_CASE("a weaker layer's mistake is told even if a stronger one replaces the list") {
    const scratch home;
    CHECK_FALSE(
        test::load({"FD2_BACKENDS=pipe"}, {}, home.write("c.yaml", "backends: { sync: [Pi] }\n"))
            .ok());
}

TEST_CASE("what is not a regular file is refused without waiting") {
    const scratch home;
    const auto words = [&](const std::string& path) {
        return test::said(load_file(path).diagnostics, home.path());
    };
    CHECK(words(home.path()) == home.path() +
                                    ": error: is a directory, not a regular file; name a "
                                    "regular file\n");
    const std::string fifo = home.path() + "/fifo";
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    CHECK(words(fifo) == "fifo: error: is a FIFO, not a regular file; name a regular file\n");
    CHECK(words("/dev/zero") ==
          "/dev/zero: error: is a device, not a regular file; name a regular file\n");
    REQUIRE(::chmod(fifo.c_str(), 0666) == 0);
    for (const auto& name : {fifo, std::string("/dev/zero"), home.path()}) {
        CHECK_FALSE(distrust_of_file(name));
    }
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string name = home.path() + "/socket";
    REQUIRE(name.size() < sizeof address.sun_path);
    std::strcpy(address.sun_path, name.c_str());
    const fd2::unique_fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    REQUIRE(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    CHECK(words(name) == "socket: error: is not a regular file; name a regular file\n");
    REQUIRE(::symlink("loop", (home.path() + "/loop").c_str()) == 0);
    CHECK(words(home.path() + "/loop") ==
          "loop: error: open: Too many levels of symbolic links (ELOOP)\n");
    CHECK(words(home.write("x", "") + "/y") ==
          "x/y: error: does not exist; name an existing file\n");
    CHECK(words("none") == "none: error: does not exist; name an existing file\n");
}

TEST_CASE("a file or a directory that others can write is refused, whoever named it") {
    const scratch home;
    const auto file = home.write("xdg/fd2/fd2.yaml", "surface: never\n");
    const std::string xdg = "XDG_CONFIG_HOME=" + home.path() + "/xdg";
    REQUIRE(test::load({xdg}).ok());
    const auto refused = [&](const std::string& component) {
        const std::string expected =
            "refused: " + component + ": writable by others; run: chmod go-w " + component + "\n";
        for (const loaded& got :
             {test::load({xdg}), test::load({}, {}, file), test::load({"FD2_CONFIG=" + file})}) {
            CHECK(test::said(got.diagnostics) == file + ": error: " + expected);
            CHECK(got.values.surface == surface_policy::on_loss);
            REQUIRE(got.searched.size() >= 1);
            CHECK(got.searched.back().result == looked_for::outcome::distrusted);
        }
        const auto told = distrust_of_file(file);
        REQUIRE(told);
        CHECK(told->level == fd2::severity::warning);
        CHECK(load_file(file).ok());
    };
    for (const mode_t mode : {0664U, 0646U}) {
        REQUIRE(::chmod(file.c_str(), mode) == 0);
        refused(file);
    }
    REQUIRE(::chmod(file.c_str(), 0600) == 0);
    const std::string above = home.path() + "/xdg";
    REQUIRE(::chmod(above.c_str(), 0777) == 0);
    refused(above);
    REQUIRE(::chmod(above.c_str(), 01777) == 0);  // as /tmp, in which all of this lies
    CHECK(test::load({xdg}).ok());
    CHECK_FALSE(distrust_of_file(file));
}

TEST_CASE("a forgiving load leaves a usual file with mistakes out, and tells the first of them") {
    const scratch home;
    const auto system = home.write("etc.yaml", "capture: { tail: 1KiB }\n");
    const auto user = home.write("xdg/fd2/fd2.yaml", "surface: never\nsurfaec: x\ntransport: y\n");
    const std::string xdg = "XDG_CONFIG_HOME=" + home.path() + "/xdg";
    const auto load_with = [&](std::vector<std::string> variables) {
        const test::environment around(std::move(variables));
        inputs from;
        from.environment = around.block();
        from.system_file = system;
        from.forgiving = true;
        return load(from);
    };
    const loaded got = load_with({xdg, "FD2_TRANSPORT=async"});
    CHECK(got.ok());
    CHECK(got.diagnostics.empty());
    CHECK(test::said(got.left_out, home.path()) ==
          "xdg/fd2/fd2.yaml:2:1: warning: surfaec: unknown key; did you mean \"surface\"?; "
          "this file is ignored\n");
    CHECK(got.values.surface == surface_policy::on_loss);
    CHECK(got.values.capture.tail == 1024);  // the other file counts
    CHECK(got.values.transport == transport_kind::async);
    CHECK(got.files == std::vector<std::string>{system});
    CHECK(got.searched.back().result == looked_for::outcome::left_out);

    // A backend that nobody knows is found out at the end only.
    home.write("xdg/fd2/fd2.yaml", "backends: { sync: [no-such] }\nsurface: never\n");
    if (const loaded late = load_with({xdg}); !late.left_out.empty()) {
        CHECK(late.ok());
        CHECK(late.values.backends == backend_settings{});
    }
    // What is named is as strict as ever.
    CHECK_FALSE(load_with({"FD2_CONFIG=" + home.write("c.yaml", "surface: x\n")}).ok());
    CHECK_FALSE(load_with({"FD2_SURFACE=x"}).ok());
}

TEST_CASE("a file of another user is a mistake unless it is merely the default one") {
    const scratch home;
    const auto file = home.write("xdg/fd2/fd2.yaml", "surface: never\n");
    REQUIRE(::chmod(file.c_str(), 0) == 0);
    REQUIRE(::chmod(home.path().c_str(), 0755) == 0);
    // As nobody, in a child: root reads everything.
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        if (::geteuid() == 0 && ::setuid(65534) != 0) ::_exit(9);
        const loaded user = test::load({"XDG_CONFIG_HOME=" + home.path() + "/xdg"});
        const loaded system = test::load({}, {}, file);
        const loaded chosen = load_file(file);
        const bool good =
            user.ok() && user.values.surface == surface_policy::on_loss &&
            test::said(user.diagnostics, home.path()) ==
                "xdg/fd2/fd2.yaml: warning: open: Permission denied (EACCES); it is ignored\n" &&
            !system.ok() && !chosen.ok();
        ::_exit(good ? 0 : 1);
    }
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
}
