// Everything that is derived from the table of keys, and the files of config/.
//
// `test_settings '[.write]'` rewrites config/fd2.yaml and config/fd2.schema.json.
#include <filesystem>
#include <fstream>
#include <set>
#include <string>

#include "base/severity.hpp"
#include "settings/keys.hpp"
#include "settings/schema.hpp"
#include "settings/values.hpp"
#include "support.hpp"
#include "support/catch.hpp"

using namespace fd2::settings;

TEST_CASE("the table knows every default and each default is valid by its own rule") {
    const settings built_in;
    for (const key_info& key : keys()) {
        INFO(key.name);
        CHECK_FALSE(key.help.empty());
        CHECK_FALSE(range_of(key).empty());
        CHECK(find_key(key.name) == &key);
        if (key.is_list()) {
            const value list = key.get(built_in);
            for (const std::string& item : items_of(list)) {
                CHECK(to_item(key, {item, false, {}}).value == item);
            }
            continue;
        }
        const auto again = to_value(key, {text_of(key, key.get(built_in)), true, {}});
        const auto plain = to_value(key, {text_of(key, key.get(built_in)), false, {}});
        REQUIRE((again.value || plain.value));
        CHECK((again.value ? *again.value : *plain.value) == key.get(built_in));
    }
}

TEST_CASE("each key sets its own member and no other") {
    // Two keys that wrote the same member would be told apart by the key that read it back.
    for (const key_info& key : keys()) {
        INFO(key.name);
        settings changed;
        value other = key.get(changed);
        if (auto* flag = std::get_if<bool>(&other)) {
            *flag = !*flag;
        } else if (auto* number = std::get_if<std::int64_t>(&other)) {
            *number = key.type == key_type::choice ? (*number == 0 ? 1 : 0) : *number + 1;
        } else if (auto* text = std::get_if<std::string>(&other)) {
            *text += "/x";
        } else {
            std::get<std::vector<std::string>>(other) = {"wake"};
        }
        key.set(changed, other);
        CHECK(key.get(changed) == other);
        for (const key_info& one : keys()) {
            if (&one != &key) CHECK(one.get(changed) == one.get(settings{}));
        }
    }
}

TEST_CASE("every key has a variable of its own") {
    std::set<std::string> seen = {"FD2_CONFIG", "FD2_FEATURES", "FD2_BACKENDS", "FD2_OPTIONS"};
    for (const key_info& key : keys()) CHECK(seen.insert(variable_of(key)).second);
    CHECK(variable_of(*find_key("capture.max-line")) == "FD2_CAPTURE_MAX_LINE");
    CHECK(variable_of(*find_key("plugins.path")) == "FD2_PLUGIN_PATH");
}

TEST_CASE("enumerators and their spellings go together") {
    CHECK(name_of(capability::event_loop) == "event-loop");
    CHECK(name_of(capability::handover) == "handover");
    CHECK(static_cast<int>(capability::handover) == 8);
    CHECK(name_of(fd2::blocked_policy::automatic) == "auto");
    CHECK(name_of(surface_policy::on_loss) == "on-loss");
    CHECK(name_of(fd2::forward_mode::off) == "off");
    CHECK(name_of(writers_policy::follow) == "follow");
    CHECK(name_of(log_full_policy::drop) == "drop");
    CHECK(name_of(transport_kind::async) == "async");
    CHECK(name_of(fd2::severity::error) == "error");
}

TEST_CASE("the variants load and say what their names promise") {
    const loaded pipe = load_file(test::config("pipe-only.yaml"));
    CHECK(test::said(pipe.diagnostics) == "");
    CHECK(pipe.values.backends.sync == std::vector<std::string>{"pipe"});
    CHECK(pipe.values.backends.async == std::vector<std::string>{"pipe"});

    const loaded strict = load_file(test::config("strict.yaml"));
    CHECK(test::said(strict.diagnostics) == "");
    CHECK_FALSE(strict.values.fallback.inherit);
    CHECK(strict.values.require ==
          std::vector<capability>{capability::wake, capability::keeps_writers});
    CHECK(strict.values.forward.when_blocked == fd2::blocked_policy::wait);

    const loaded flag = load_file(test::config("flag-on.yaml"));
    CHECK(test::said(flag.diagnostics) == "");
    CHECK(flag.values.features.ssh_socketpair_stderr);
    CHECK(flag.values.transport == transport_kind::async);
}

TEST_CASE("every file of config/ loads") {
    int files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(FD2_CONFIG_DIR)) {
        if (entry.path().extension() != ".yaml") continue;
        if (entry.path().filename() == "causes.yaml") continue;  // rules of the room `cause`
        ++files;
        CHECK(test::said(load_file(entry.path().string()).diagnostics) == "");
    }
    CHECK(files >= 4);
}

TEST_CASE("odd but valid files are accepted without a word") {
    const scratch files;
    const auto cases = test::read_cases(FD2_TABLES_DIR "/accepted_cases.txt");
    REQUIRE(cases.size() >= 10);
    for (const auto& one : cases) {
        DYNAMIC_SECTION(one.name) {
            const std::string file = files.write(one.name + ".yaml", one.file);
            CHECK(test::said(load_file(file).diagnostics) == "");
        }
    }
}

TEST_CASE("the reference has a line for every key") {
    const std::string table = reference_table();
    for (const key_info& key : keys()) {
        CHECK(table.find("| `" + std::string(key.name) + "` |") != std::string::npos);
    }
}

TEST_CASE("derived files are written", "[.write]") {
    std::ofstream(test::config("fd2.schema.json"), std::ios::binary) << json_schema();
    std::ofstream(test::config("fd2.yaml"), std::ios::binary) << commented_defaults();
    SUCCEED();
}
