// Backends that are part of the program. This one has two: `good`, of which there is a file as
// well, and `linked`.
#include "channel/linked_plugins.hpp"

#include <algorithm>

#include "channel/loader.hpp"
#include "channel/plugin_path.hpp"
#include "support.hpp"

using fd2::channel::directory;
using fd2::channel::linked_file;
using fd2::channel::load_policy;
using fd2::channel::loader;
using fd2::channel::trial_outcome;
using fd2::channel::trust_source;

extern "C" {
std::int32_t fd2_linked_good(const fd2_backend**);
std::int32_t fd2_linked_linked(const fd2_backend**);
}

namespace fd2::channel {

std::span<const linked_plugin> linked_plugins() noexcept {
    static constexpr linked_plugin table[] = {{"good", fd2_linked_good},
                                              {"linked", fd2_linked_linked}};
    return table;
}

}  // namespace fd2::channel

TEST_CASE("a linked plugin is loaded where there is no directory") {
    loader plugins({}, {});
    const auto loaded = plugins.load("linked");
    REQUIRE(loaded);
    CHECK((*loaded)->id == "linked");
    CHECK((*loaded)->file == linked_file);
    CHECK((*loaded)->backend->version == std::string("1.0.0"));
    CHECK(plugins.hash_of(**loaded).empty());
    const auto again = plugins.load("linked");
    REQUIRE(again);
    CHECK(*again == *loaded);
}

TEST_CASE("linked plugins are found, by id and before those in directories") {
    const loader plugins({{FD2_LOADER_PLUGINS, trust_source::caller}}, {});
    const auto all = plugins.discover();
    const auto place = [&](const std::string& id) {
        return std::find_if(all.begin(), all.end(), [&](const auto& p) { return p.id == id; });
    };
    REQUIRE(place("linked") != all.end());
    CHECK(place("linked")->file == linked_file);
    REQUIRE(place("good") != all.end());
    CHECK(place("good")->linked != nullptr);
    CHECK(std::count_if(all.begin(), all.end(), [](const auto& p) { return p.id == "good"; }) == 1);
    REQUIRE(place("other") != all.end());
    CHECK(place("other")->linked == nullptr);

    // The file that nobody can use by its name is not silently left out.
    const auto listed = plugins.list_directories();
    REQUIRE(listed.size() == 1);
    CHECK(std::count(listed[0].hidden.begin(), listed[0].hidden.end(),
                     FD2_LOADER_PLUGINS "/good.so") == 1);
}

TEST_CASE("a linked plugin wins over a file of its name, which a path still names") {
    loader plugins({{FD2_LOADER_PLUGINS, trust_source::caller}}, {});
    const auto linked = plugins.load("good");
    REQUIRE(linked);
    CHECK((*linked)->file == linked_file);
    const auto by_path = plugins.load(FD2_LOADER_PLUGINS "/good.so", trust_source::caller);
    REQUIRE(by_path);
    CHECK((*by_path)->file == FD2_LOADER_PLUGINS "/good.so");
    CHECK((*by_path)->backend != (*linked)->backend);
}

TEST_CASE("a linked plugin is not tried") {
    loader plugins({}, {});
    int tried = 0;
    plugins.set_trial(
        load_policy::always_tried,
        [&](int, const std::string&, const std::string&) {
            ++tried;
            return trial_outcome{trial_outcome::kind::broken, {}, {}};
        },
        nullptr);
    CHECK(plugins.load("linked"));
    CHECK(plugins.load("good", trust_source::verified, load_policy::proved));
    CHECK(tried == 0);
}

TEST_CASE("the check of the settings knows linked plugins") {
    const auto found = fd2::channel::available({});
    CHECK(found.names == std::vector<std::string>{"good", "linked"});
}
