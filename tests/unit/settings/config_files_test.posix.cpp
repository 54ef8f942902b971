// The files of config/ are written for Linux: elsewhere other backends and places are the defaults.
#include <string>

#include "settings/keys.hpp"
#include "settings/schema.hpp"
#include "settings/values.hpp"
#include "support.hpp"
#include "support/catch.hpp"

using namespace fd2::settings;

TEST_CASE("the committed schema is what fd2 config schema prints") {
    CHECK(test::read(test::config("fd2.schema.json")) == json_schema());
}

TEST_CASE("config/fd2.yaml is what fd2 config defaults prints") {
    CHECK(test::read(test::config("fd2.yaml")) == commented_defaults());
}

TEST_CASE("config/fd2.yaml names every key and equals the built-in values") {
    const loaded got = load_file(test::config("fd2.yaml"));
    CHECK(test::said(got.diagnostics) == "");
    CHECK(got.values == settings{});
    for (const key_info& key : keys()) {
        INFO(key.name);
        CHECK(got.origin_of(key.name).layer == source::file);
    }
}
