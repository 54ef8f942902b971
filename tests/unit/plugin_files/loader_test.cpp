#include "channel/loader.hpp"

#include <elf.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <functional>
#include <set>
#include <vector>

#include "channel/plugin_path.hpp"
#include "support.hpp"
#include "support/deny.hpp"

using fd2::errc;
using fd2::channel::directory;
using fd2::channel::loader;
using fd2::channel::trust_source;

namespace {

const std::string built = FD2_LOADER_PLUGINS;

loader for_built() {
    return loader({{built, trust_source::caller}}, {});
}

fd2::failure refusal(loader& from, const std::string& name,
                     trust_source source = trust_source::verified) {
    auto loaded = from.load(name, source);
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

/// How many lines of our memory map have `text`.
std::size_t mappings_of(const std::string& text) {
    std::ifstream maps("/proc/self/maps");
    std::size_t count = 0;
    for (std::string line; std::getline(maps, line);) count += contains(line, text);
    return count;
}

/// Overwrites the file in place, as `cp` does: the same inode, byte by byte.
void overwrite(const std::string& file, const std::string& with) {
    std::ifstream from(with, std::ios::binary);
    std::ofstream(file, std::ios::binary | std::ios::trunc) << from.rdbuf();
}

/// What `work` returns in a process of its own.
int in_child(const std::function<int()>& work) {
    const pid_t pid = ::fork();
    REQUIRE(pid >= 0);
    if (pid == 0) ::_exit(work());
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    CAPTURE(status);
    REQUIRE(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/// Loads the plugin, does `harm` to its file, and uses what was loaded: 0 if it is as it was.
int outlives(const std::string& file, const std::function<void()>& harm) {
    loader from({}, {});
    const auto loaded = from.load(file, trust_source::caller);
    if (!loaded) return 1;
    harm();
    const fd2_backend& table = *(*loaded)->backend;
    fd2_error error{sizeof(fd2_error), 0, 0, 0, {}};
    const bool same = std::string(table.version) == "1.0.0" &&
                      table.init(nullptr, nullptr, &error) == FD2_E_UNSUPPORTED &&
                      table.get_extension("x") == nullptr;
    return same ? 0 : 2;
}

}  // namespace

TEST_CASE("a good plugin loads by its id, once") {
    loader from({{built, trust_source::caller}}, {});
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

TEST_CASE("however many loaders there are, a plugin costs no descriptor and is mapped once") {
    const scratch here;
    copy_plugin(here, "good", "good.so");
    copy_plugin(here, "wrong-entry", "wrong-entry.so");
    copy_plugin(here, "unresolved", "unresolved.so");
    const std::size_t before = open_descriptors();
    const fd2_backend* table = nullptr;
    std::size_t mapped = 0;
    for (int i = 0; i < 200; ++i) {
        loader from({{here.path(), trust_source::verified}}, {});
        const auto loaded = from.load("good");
        REQUIRE(loaded);
        CHECK_FALSE(from.load("wrong-entry"));
        CHECK_FALSE(from.load("unresolved"));
        if (i == 0) {
            table = (*loaded)->backend;
            mapped = mappings_of("/memfd:good.so");
            CHECK(mapped != 0);
        }
        REQUIRE((*loaded)->backend == table);
    }
    CHECK(open_descriptors() == before);
    CHECK(mappings_of("/memfd:good.so") == mapped);
    CHECK(mappings_of(here.path() + "/") == 0);
}

TEST_CASE("a descriptor's number that is used again does not bring back the old plugin") {
    // Each is opened under the same number, one after the other.
    const scratch here;
    std::set<const fd2_backend*> tables;
    for (int i = 0; i < 20; ++i) {
        const std::string name = "copy-" + std::to_string(i) + ".so";
        loader from({}, {});
        const auto loaded = from.load(copy_plugin(here, i % 2 == 0 ? "good" : "newer", name));
        REQUIRE(loaded);
        CHECK(std::string((*loaded)->backend->version) == (i % 2 == 0 ? "1.0.0" : "2.0.0"));
        tables.insert((*loaded)->backend);
        std::filesystem::remove(here.path() + "/" + name);
    }
    CHECK(tables.size() == 20);
}

TEST_CASE("plugins loaded one after the other are different ones") {
    // The run-time linker knows libraries by name; a name that is used twice gives the old one.
    loader from({{built, trust_source::caller}}, {});
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
    loader second({{built, trust_source::caller}}, {});
    const auto third = second.load("other");
    REQUIRE(third);
    CHECK(std::string((*third)->backend->id) == "other");
}

TEST_CASE("extensions are taken where they are offered whole") {
    loader from({{built, trust_source::caller}}, {});
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
                 expectation{"refuses", errc::unsupported, "failed with code 1"},
                 expectation{"short-table", errc::unsupported, "rebuild it"},
                 expectation{"no-table", errc::internal,
                             "malformed table: the entry function returned NULL"},
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
    CHECK(contains(text_of(why), expected.words));
    CHECK(contains(why.message, built + "/" + expected.id + ".so"));
}

TEST_CASE("a file that is no library is refused") {
    const scratch here;
    here.write("text.so", "#!/bin/sh\necho no\n");
    here.write("empty.so", "");
    const auto whole = std::filesystem::file_size(copy_plugin(here, "good", "cut.so"));
    std::filesystem::resize_file(here.path() + "/cut.so", whole / 3);
    copy_plugin(here, "good", "head.so");
    std::filesystem::resize_file(here.path() + "/head.so", 40);
    loader from({{here.path(), trust_source::verified}}, {});
    const std::size_t before = open_descriptors();
    for (const auto& id : {"text", "empty", "cut", "head"}) {
        const auto why = refusal(from, id);
        INFO(why.message);
        CHECK(why.code == errc::unsupported);
        CHECK(contains(why.message, here.path() + "/" + id + ".so"));
    }
    CHECK(open_descriptors() == before);
}

TEST_CASE("a plugin for another machine is named as such") {
    const scratch here;
    struct {
        const char* name;
        std::size_t offset;
        unsigned char byte;
        const char* words;
    } const foreign[] = {
        {"arm.so", EI_NIDENT + 2, EM_AARCH64, "built for aarch64, this is "},
        {"class.so", EI_CLASS, sizeof(void*) == 8 ? ELFCLASS32 : ELFCLASS64, "built for "},
        {"order.so", EI_DATA,
         std::endian::native == std::endian::little ? ELFDATA2MSB : ELFDATA2LSB,
         "-endian, this is "},
    };
    utsname machine{};
    REQUIRE(::uname(&machine) == 0);
    loader from({}, {});
    for (const auto& one : foreign) {
        const auto file = copy_plugin(here, "good", one.name);
        {
            std::fstream bytes(file, std::ios::in | std::ios::out | std::ios::binary);
            bytes.seekp(static_cast<std::streamoff>(one.offset));
            bytes.put(static_cast<char>(one.byte));
        }
        if (one.byte == EM_AARCH64 && std::string(machine.machine) == "aarch64") continue;
        const auto why = refusal(from, file);
        INFO(why.message);
        CHECK(why.code == errc::unsupported);
        CHECK(contains(why.message, "load plugin: " + file + ": built for "));
        CHECK(contains(why.message, one.words));
        CHECK(contains(why.message, std::string("this is ") + machine.machine));
    }
}

TEST_CASE("wherever a plugin file was cut off, loading it is survived") {
    const scratch here;
    const auto whole = std::filesystem::file_size(copy_plugin(here, "good", "whole.so"));
    loader from({}, {});
    std::size_t refused = 0;
    for (std::uintmax_t k = 0; k < 48; ++k) {
        const auto file = copy_plugin(here, "good", "cut-" + std::to_string(k) + ".so");
        std::filesystem::resize_file(file, whole * k / 48);
        refused += !from.load(file, trust_source::caller);
    }
    CHECK(refused > 24);  // what follows the last segment is not needed to run
}

TEST_CASE("a failure is not remembered") {
    const scratch here;
    loader from({{here.path(), trust_source::verified}}, {});
    CHECK(refusal(from, "good").code == errc::unsupported);
    here.write("good.so", "not yet");
    CHECK(refusal(from, "good").code == errc::unsupported);
    copy_plugin(here, "good", "good.so", 0777);
    CHECK(refusal(from, "good").code == errc::denied);
    copy_plugin(here, "good", "good.so");
    CHECK(from.load("good"));
}

TEST_CASE("a replaced file is what the next loader gets, and the old one stays usable") {
    const scratch here;
    const auto file = copy_plugin(here, "good", "good.so");
    loader first({{here.path(), trust_source::verified}}, {});
    const auto old = first.load("good");
    REQUIRE(old);
    copy_plugin(here, "newer", "good.so");
    loader second({{here.path(), trust_source::verified}}, {});
    const auto fresh = second.load("good");
    REQUIRE(fresh);
    CHECK(std::string((*old)->backend->version) == "1.0.0");
    CHECK(std::string((*fresh)->backend->version) == "2.0.0");
    CHECK((*old)->file == file);
    const auto known = first.load("good");
    REQUIRE(known);
    CHECK(std::string((*known)->backend->version) == "1.0.0");
}

TEST_CASE("nothing that happens to a plugin's file harms what was loaded from it") {
    const scratch here;
    const auto file = copy_plugin(here, "good", "good.so");
    SECTION("overwritten in place by a newer one") {
        CHECK(in_child([&] {
                  return outlives(file, [&] { overwrite(file, built + "/newer.so"); });
              }) == 0);
    }
    SECTION("overwritten by something else") {
        CHECK(in_child([&] { return outlives(file, [&] { overwrite(file, "/bin/sh"); }); }) == 0);
    }
    SECTION("truncated") {
        CHECK(in_child([&] {
                  return outlives(file, [&] { std::filesystem::resize_file(file, 0); });
              }) == 0);
    }
    SECTION("deleted") {
        CHECK(in_child([&] { return outlives(file, [&] { std::filesystem::remove(file); }); }) ==
              0);
    }
}

TEST_CASE("a file that was overwritten in place is what the next loader gets") {
    const scratch here;
    const auto file = copy_plugin(here, "good", "good.so");
    for (const std::string version : {"1.0.0", "2.0.0", "1.0.0", "2.0.0"}) {
        overwrite(file, built + (version == "1.0.0" ? "/good.so" : "/newer.so"));
        loader from({{here.path(), trust_source::verified}}, {});
        const auto loaded = from.load("good");
        REQUIRE(loaded);
        CHECK(std::string((*loaded)->backend->version) == version);
    }
}

TEST_CASE("a process keeps 256 versions of a file, and takes no more") {
    const scratch here;
    const auto file = copy_plugin(here, "good", "good.so");
    CHECK(in_child([&] {
              for (int version = 1; version <= 256; ++version) {
                  overwrite(file, built + "/good.so");
                  std::filesystem::resize_file(
                      file, std::filesystem::file_size(file) + static_cast<unsigned>(version));
                  loader from({{here.path(), trust_source::verified}}, {});
                  const auto loaded = from.load("good");
                  if (!loaded || (*loaded)->generation != static_cast<unsigned>(version)) return 1;
              }
              overwrite(file, built + "/newer.so");
              loader from({{here.path(), trust_source::verified}}, {});
              const auto refused = from.load("good");
              return !refused && refused.error().code == errc::resource ? 0 : 2;
          }) == 0);
}

TEST_CASE("without memory files the copy is in a directory of its own, which goes again") {
    const scratch here;
    const auto file = copy_plugin(here, "good", "good.so");
    CHECK(in_child([&] {
              if (!deny(SYS_memfd_create)) return 3;
              ::setenv("XDG_RUNTIME_DIR", here.path().c_str(), 1);
              return outlives(file, [&] { std::filesystem::resize_file(file, 0); });
          }) == 0);
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(here.path())) {
        CHECK(entry.path() == file);
        ++files;
    }
    CHECK(files == 1);
}

TEST_CASE("no copy is made in a directory in which others can exchange it") {
    const scratch here;
    const auto file = copy_plugin(here, "good", "good.so");
    const std::string directory = here / "runtime";
    const auto is_used = [&](mode_t mode) {
        REQUIRE(::mkdir(directory.c_str(), 0700) == 0);
        REQUIRE(::chmod(directory.c_str(), mode) == 0);
        // Long ago: its clock ticks in milliseconds.
        std::filesystem::last_write_time(directory, std::filesystem::file_time_type{});
        const auto before = std::filesystem::last_write_time(directory);
        CHECK(in_child([&] {
                  if (!deny(SYS_memfd_create)) return 3;
                  ::setenv("XDG_RUNTIME_DIR", directory.c_str(), 1);
                  return outlives(file, [] {});
              }) == 0);
        const bool used = std::filesystem::last_write_time(directory) != before;
        std::filesystem::remove(directory);
        return used;
    };
    CHECK(is_used(0700));
    CHECK_FALSE(is_used(0777));
}

TEST_CASE("where nothing may be copied, the file itself is mapped") {
    const scratch here;
    const auto file = copy_plugin(here, "good", "good.so");
    CHECK(in_child([&] {
              if (!deny(SYS_memfd_create)) return 3;
              ::setenv("XDG_RUNTIME_DIR", "/proc", 1);
              return outlives(file, [&] { std::filesystem::remove(file); });
          }) == 0);
}

TEST_CASE("a name is an id or an absolute path, never a relative one") {
    const scratch here;
    here.directory("sub");
    copy_plugin(here, "good", "good.so");
    copy_plugin(here, "good", "sub/good.so");
    loader from({{here.path(), trust_source::verified}}, {});
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
    CHECK(nowhere.load(copy_plugin(here, "good", "any-name")));
}

TEST_CASE("a path is checked unless it is the caller's source") {
    const scratch here;
    const auto file = copy_plugin(here, "good", "good.so", 0777);
    loader from({}, {});
    CHECK(refusal(from, file).code == errc::denied);
    CHECK(from.load(file, trust_source::caller));
    loader verified({{here.path(), trust_source::verified}}, {});
    const auto why =
        refusal(verified, "good", trust_source::caller);  // the directory's source counts
    CHECK(why.code == errc::denied);
    CHECK(contains(why.advice, "chmod go-w " + file));
    loader callers({{here.path(), trust_source::caller}}, {});
    CHECK(callers.load("good"));
}

TEST_CASE("the plugins of another installation are used only where there are none beside us") {
    using fd2::channel::built_in;
    const scratch here;
    const auto beside = here.directory("ours");
    CHECK(built_in(beside, "/installed").path == beside);  // empty as it is
    CHECK(built_in(here.path() + "/absent", "/installed").path == "/installed");
    CHECK(built_in(here.write("file", "") + "/backends", "/installed").path == "/installed");
    CHECK(built_in("", "/installed").path == "/installed");
    CHECK(built_in(beside, "/installed").source == trust_source::verified);
}

TEST_CASE("our own directory is our own by whatever name it is given") {
    using fd2::channel::built_in;
    const scratch here;
    const auto beside = here.directory("ours");
    const auto path = fd2::channel::plugin_path(
        {{beside + "/../ours", true}, {here.path(), true}, {here.path() + "/absent", false}},
        built_in(beside, "/installed"));
    REQUIRE(path.size() == 4);
    CHECK(path[0].own);
    CHECK_FALSE(path[1].own);
    CHECK_FALSE(path[2].own);
    CHECK(path[3].own);
}

TEST_CASE("a missing plugin is reported with the places that were searched") {
    const scratch here;
    const auto one = here.directory("one");
    const auto two = here.directory("two");
    loader from({{one, trust_source::verified}, {two, trust_source::verified}}, {});
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
    copy_plugin(here, "newer", "two/good.so");
    copy_plugin(here, "other", "two/other.so");
    copy_plugin(here, "good", "one/good.so");
    here.write("one/README", "");
    here.write("one/Upper.so", "");
    here.write("one/.so", "");
    here.write("one/broken.so", "not run, so not known to be broken");
    const directory one{here.path() + "/one", trust_source::verified};
    const directory two{here.path() + "/two", trust_source::caller};
    const directory none{here.path() + "/none", trust_source::verified};

    loader from({none, one, two}, {});
    const auto all = from.discover();
    REQUIRE(all.size() == 3);
    CHECK(all[0].id == "broken");
    CHECK(all[1].id == "good");
    CHECK(all[1].file == one.path + "/good.so");
    CHECK(all[1].source == trust_source::verified);
    CHECK(all[2].id == "other");
    CHECK(all[2].source == trust_source::caller);
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
    const directory one{here.directory("one"), trust_source::verified};
    const directory open{here.directory("open", 0777), trust_source::verified};
    const directory callers{open.path, trust_source::caller};
    const directory none{here.path() + "/none", trust_source::verified};
    copy_plugin(here, "good", "one/good.so");
    copy_plugin(here, "good", "open/good.so");
    here.write("open/README", "");
    here.write("open/Upper.so", "");

    const auto all = loader({one, open, none}, {}).list_directories();
    REQUIRE(all.size() == 3);
    REQUIRE(all[0].plugins.size() == 1);
    CHECK(all[0].plugins[0].file == one.path + "/good.so");
    CHECK(!all[0].refused);
    CHECK(all[1].plugins.empty());
    CHECK(all[1].hidden == std::vector{open.path + "/good.so"});
    CHECK(all[1].foreign == std::vector{open.path + "/README", open.path + "/Upper.so"});
    REQUIRE(all[1].refused);
    CHECK(all[1].refused->code == errc::denied);
    CHECK(contains(all[1].refused->advice, "run: chmod go-w " + open.path));
    CHECK(all[2].error == ENOENT);
    CHECK(!loader({callers}, {}).list_directories()[0].refused);
}
