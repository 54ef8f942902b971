#include "loader/loader.hpp"

#include <algorithm>
#include <vector>

#include "scratch.hpp"

using fd2::errc;
using fd2::loader::directory;
using fd2::loader::loader;
using fd2::loader::trust;

namespace {

const std::string built = FD2_LOADER_PLUGINS;

loader for_built() {
    return loader({{built, trust::callers}}, {});
}

fd2::failure refusal(loader& from, const std::string& name, trust word = trust::verified) {
    auto loaded = from.load(name, word);
    REQUIRE_FALSE(loaded);
    CAPTURE(loaded.error().message);
    // A person is told about a file, not about a descriptor's number.
    CHECK_FALSE(contains(loaded.error().message, "/proc/self/fd"));
    return loaded.error();
}

std::size_t open_descriptors() {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
        (void)entry;
        ++count;
    }
    return count;
}

}  // namespace

TEST_CASE("a good plugin loads by its id, once") {
    loader from({{built, trust::callers}}, {});
    const auto loaded = from.load("good");
    REQUIRE(loaded);
    CHECK((*loaded)->id == "good");
    CHECK((*loaded)->file == built + "/good.so");
    CHECK(std::string((*loaded)->backend->version) == "1.0.0");
    CHECK((*loaded)->pollable == nullptr);
    CHECK((*loaded)->handover == nullptr);
    const std::size_t before = open_descriptors();
    const auto again = from.load("good");
    REQUIRE(again);
    CHECK(again->get() == loaded->get());
    CHECK(open_descriptors() == before);
}

TEST_CASE("plugins loaded one after the other are different ones") {
    // The run-time linker knows libraries by name; a name that is used twice gives the old one.
    loader from({{built, trust::callers}}, {});
    const auto good = from.load("good");
    CHECK_FALSE(from.load("unresolved"));
    const auto other = from.load("other");
    CHECK_FALSE(from.load("refuses"));
    const auto extensions = from.load("extensions");
    REQUIRE(good);
    REQUIRE(other);
    REQUIRE(extensions);
    CHECK(std::string((*good)->backend->id) == "good");
    CHECK(std::string((*other)->backend->id) == "other");
    CHECK(std::string((*extensions)->backend->id) == "extensions");
    loader second({{built, trust::callers}}, {});
    const auto third = second.load("other");
    REQUIRE(third);
    CHECK(std::string((*third)->backend->id) == "other");
}

TEST_CASE("extensions are taken where they are offered whole") {
    loader from({{built, trust::callers}}, {});
    const auto loaded = from.load("extensions");
    REQUIRE(loaded);
    CHECK((*loaded)->handover != nullptr);
    CHECK((*loaded)->pollable == nullptr);  // its table ends early
}

TEST_CASE("a plugin that cannot serve is refused, and the message says which and why") {
    struct expectation {
        const char* id;
        errc code;
        const char* words;
    };
    const auto expected =
        GENERATE(expectation{"wrong-entry", errc::unsupported, "no symbol fd2_backend_entry_v1"},
                 expectation{"unresolved", errc::unsupported, "nobody_defines_this"},
                 expectation{"wrong-id", errc::unsupported, "'somebody-else'"},
                 expectation{"refuses", errc::unsupported, "refused with code 1"},
                 expectation{"short-table", errc::unsupported, "rebuild it"},
                 expectation{"no-table", errc::internal, "malformed table: the entry gave none"},
                 expectation{"bad-id", errc::internal, "malformed table: id"},
                 expectation{"no-id", errc::internal, "malformed table: id"},
                 expectation{"no-open", errc::internal, "a backend function is missing"},
                 expectation{"no-channel", errc::internal, "a channel function is missing"},
                 expectation{"no-join", errc::internal, "a channel function is missing"},
                 expectation{"no-options", errc::internal, "malformed table: options"},
                 expectation{"nameless-option", errc::internal, "malformed table: option 0"},
                 expectation{"wordless-option", errc::internal, "malformed table: option 0"});
    INFO(expected.id);
    auto from = for_built();
    const auto why = refusal(from, expected.id);
    INFO(why.message);
    CHECK(why.code == expected.code);
    CHECK(contains(why.message, expected.words));
    CHECK(contains(why.message, built + "/" + expected.id + ".so"));
}

TEST_CASE("a file that is no library is refused") {
    const scratch here;
    here.text("text.so", "#!/bin/sh\necho no\n");
    here.text("empty.so", "");
    const auto whole = std::filesystem::file_size(here.plugin("good", "cut.so"));
    std::filesystem::resize_file(here.path() + "/cut.so", whole / 3);
    here.plugin("good", "head.so");
    std::filesystem::resize_file(here.path() + "/head.so", 40);
    loader from({{here.path(), trust::verified}}, {});
    const std::size_t before = open_descriptors();
    for (const auto& id : {"text", "empty", "cut", "head"}) {
        const auto why = refusal(from, id);
        INFO(why.message);
        CHECK(why.code == errc::unsupported);
        CHECK(contains(why.message, here.path() + "/" + id + ".so"));
    }
    CHECK(open_descriptors() == before);
}

TEST_CASE("wherever a plugin file was cut off, loading it is survived") {
    const scratch here;
    const auto whole = std::filesystem::file_size(here.plugin("good", "whole.so"));
    loader from({}, {});
    std::size_t refused = 0;
    for (std::uintmax_t k = 0; k < 48; ++k) {
        const auto file = here.plugin("good", "cut-" + std::to_string(k) + ".so");
        std::filesystem::resize_file(file, whole * k / 48);
        refused += !from.load(file, trust::callers);
    }
    CHECK(refused > 24);  // what follows the last segment is not needed to run
}

TEST_CASE("a failure is not remembered") {
    const scratch here;
    loader from({{here.path(), trust::verified}}, {});
    CHECK(refusal(from, "good").code == errc::unsupported);
    here.text("good.so", "not yet");
    CHECK(refusal(from, "good").code == errc::unsupported);
    here.plugin("good", "good.so", 0777);
    CHECK(refusal(from, "good").code == errc::denied);
    here.plugin("good", "good.so");
    CHECK(from.load("good"));
}

TEST_CASE("a replaced file is what the next loader gets, and the old one stays usable") {
    const scratch here;
    const auto file = here.plugin("good", "good.so");
    loader first({{here.path(), trust::verified}}, {});
    const auto old = first.load("good");
    REQUIRE(old);
    here.plugin("newer", "good.so");
    loader second({{here.path(), trust::verified}}, {});
    const auto fresh = second.load("good");
    REQUIRE(fresh);
    CHECK(std::string((*old)->backend->version) == "1.0.0");
    CHECK(std::string((*fresh)->backend->version) == "2.0.0");
    CHECK((*old)->file == file);
    const auto known = first.load("good");
    REQUIRE(known);
    CHECK(std::string((*known)->backend->version) == "1.0.0");
}

TEST_CASE("a name is an id or an absolute path, never a relative one") {
    const scratch here;
    here.directory("sub");
    here.plugin("good", "good.so");
    here.plugin("good", "sub/good.so");
    loader from({{here.path(), trust::verified}}, {});
    for (const auto& name : {"sub/good", "./good", "../good", "good/", ""}) {
        INFO(name);
        CHECK(refusal(from, name).code == errc::config);
    }
    const auto cwd = std::filesystem::current_path();
    std::filesystem::current_path(here.path() + "/sub");
    loader nowhere({}, {});
    CHECK(refusal(nowhere, "good").code == errc::unsupported);
    CHECK(refusal(nowhere, "good.so").code == errc::unsupported);
    std::filesystem::current_path(cwd);

    const auto loaded = nowhere.load(here.path() + "/sub/good.so");
    REQUIRE(loaded);
    CHECK((*loaded)->id == "good");
    // By its path a plugin may have any file name.
    CHECK(nowhere.load(here.plugin("good", "any-name")));
}

TEST_CASE("a path is checked unless it is the caller's word") {
    const scratch here;
    const auto file = here.plugin("good", "good.so", 0777);
    loader from({}, {});
    CHECK(refusal(from, file).code == errc::denied);
    CHECK(from.load(file, trust::callers));
    loader verified({{here.path(), trust::verified}}, {});
    const auto why = refusal(verified, "good", trust::callers);  // the directory's word counts
    CHECK(why.code == errc::denied);
    CHECK(contains(why.message, "chmod go-w " + file));
    loader callers({{here.path(), trust::callers}}, {});
    CHECK(callers.load("good"));
}

TEST_CASE("a missing plugin is reported with the places that were searched") {
    const scratch here;
    const auto one = here.directory("one");
    const auto two = here.directory("two");
    loader from({{one, trust::verified}, {two, trust::verified}}, {});
    const auto why = refusal(from, "pipe");
    CHECK(why.code == errc::unsupported);
    CHECK(why.sys_errno == ENOENT);
    CHECK(contains(why.message, "no pipe.so in " + one + ", " + two));
    loader nowhere({}, {});
    CHECK(contains(refusal(nowhere, "pipe").message, "the search path is empty"));
}

TEST_CASE("the first directory of a name wins, in discovery as in loading") {
    const scratch here;
    here.directory("one");
    here.directory("two");
    here.plugin("newer", "two/good.so");
    here.plugin("other", "two/other.so");
    here.plugin("good", "one/good.so");
    here.text("one/README", "");
    here.text("one/Upper.so", "");
    here.text("one/.so", "");
    here.text("one/broken.so", "not run, so not known to be broken");
    const directory one{here.path() + "/one", trust::verified};
    const directory two{here.path() + "/two", trust::callers};
    const directory none{here.path() + "/none", trust::verified};

    loader from({none, one, two}, {});
    const auto all = from.discover();
    REQUIRE(all.size() == 3);
    CHECK(all[0].id == "broken");
    CHECK(all[1].id == "good");
    CHECK(all[1].file == one.path + "/good.so");
    CHECK(all[1].word == trust::verified);
    CHECK(all[2].id == "other");
    CHECK(all[2].word == trust::callers);
    const auto loaded = from.load("good");
    REQUIRE(loaded);
    CHECK(std::string((*loaded)->backend->version) == "1.0.0");

    loader other_way({two, one}, {});
    const auto newer = other_way.load("good");
    REQUIRE(newer);
    CHECK(std::string((*newer)->backend->version) == "2.0.0");
    CHECK(other_way.discover()[1].file == two.path + "/good.so");
}

TEST_CASE("a look at the directories tells what is passed over, and what would be refused") {
    const scratch here;
    const directory one{here.directory("one"), trust::verified};
    const directory open{here.directory("open", 0777), trust::verified};
    const directory callers{open.path, trust::callers};
    const directory none{here.path() + "/none", trust::verified};
    here.plugin("good", "one/good.so");
    here.plugin("good", "open/good.so");
    here.text("open/README", "");
    here.text("open/Upper.so", "");

    const auto all = loader({one, open, none}, {}).look();
    REQUIRE(all.size() == 3);
    REQUIRE(all[0].plugins.size() == 1);
    CHECK(all[0].plugins[0].file == one.path + "/good.so");
    CHECK(!all[0].refused);
    CHECK(all[1].plugins.empty());
    CHECK(all[1].hidden == std::vector{open.path + "/good.so"});
    CHECK(all[1].foreign == std::vector{open.path + "/README", open.path + "/Upper.so"});
    REQUIRE(all[1].refused);
    CHECK(all[1].refused->code == errc::denied);
    CHECK(contains(all[1].refused->message, "run: chmod go-w " + open.path));
    CHECK(all[2].error == ENOENT);
    CHECK(!loader({callers}, {}).look()[0].refused);
}
