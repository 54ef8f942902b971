#include "base/files.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include "base/system_code.hpp"
#include "base/text_list.hpp"
#include "base/trust.hpp"
#include "base/unique_fd.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"

namespace {

std::string whole(const std::string& path) {
    auto file = fd2::open_to_read(path);
    REQUIRE(file);
    std::array<char, 64> buffer;
    std::string out;
    for (;;) {
        const auto got = fd2::read_some(file->get(), buffer.data(), buffer.size());
        REQUIRE(got);
        if (*got == 0) return out;
        out.append(buffer.data(), *got);
    }
}

}  // namespace

TEST_CASE("a relative path is made absolute, an absolute one is kept") {
    const std::string here = fd2::utf8_path(std::filesystem::current_path());
    CHECK(fd2::absolute("a/b") == here + "/a/b");
    CHECK(fd2::absolute(here) == here);
    CHECK(fd2::absolute("") == "");
    CHECK(fd2::is_absolute(here));
    CHECK_FALSE(fd2::is_absolute("a/b"));
    CHECK_FALSE(fd2::is_absolute(""));
}

TEST_CASE("the real path of a file is the same by any of its names") {
    const scratch dir;
    dir.directory("sub");
    const std::string file = dir.write("file", "");
    const auto straight = fd2::real_path(file);
    const auto around = fd2::real_path(dir / "sub/../file");
    REQUIRE(straight);
    REQUIRE(around);
    CHECK(*straight == *around);
    CHECK(fd2::is_absolute(*straight));
    const auto missing = fd2::real_path(dir / "missing");
    REQUIRE_FALSE(missing);
    CHECK(fd2::means_absent(missing.error().sys_errno));
}

TEST_CASE("this program has a path") {
    const std::string self = fd2::own_executable();
    CHECK(fd2::is_absolute(self));
    CHECK(self.find("test_base") != self.npos);
    CHECK(fd2::is_there(self));
}

TEST_CASE("a file with a name beyond ASCII is written, read and found in its directory") {
    const scratch dir;
    const std::string name = "z\xC3\xBCrich \xE2\x82\xAC.txt";
    std::filesystem::create_directory(fd2::path_of(dir / "caf\xC3\xA9"));
    const std::string file = dir / ("caf\xC3\xA9/" + name);
    std::ofstream(fd2::path_of(file), std::ios::binary) << "one\ntwo\n";
    CHECK(fd2::utf8_path(fd2::path_of(file)) == file);
    CHECK(fd2::is_there(file));
    CHECK(whole(file) == "one\ntwo\n");
    std::vector<std::string> names;
    REQUIRE(fd2::each_name_in(dir / "caf\xC3\xA9", [&](std::string_view each) {
        names.emplace_back(each);
        return true;
    }));
    CHECK(names == std::vector<std::string>{name});
}

TEST_CASE("what cannot be opened says why") {
    const scratch dir;
    const auto missing = fd2::open_to_read(dir / "missing");
    REQUIRE_FALSE(missing);
    CHECK(missing.error().message.starts_with("open: " + dir / "missing"));
    CHECK(fd2::means_absent(missing.error().sys_errno));
    CHECK_FALSE(fd2::is_there(dir / "missing"));
    const auto none = [](std::string_view) { return true; };
    const auto no_directory = fd2::each_name_in(dir / "missing", none);
    REQUIRE_FALSE(no_directory);
    CHECK(fd2::means_absent(no_directory.error().sys_errno));
    CHECK_FALSE(fd2::means_no_directory(no_directory.error().sys_errno));
    const auto a_file = fd2::each_name_in(dir.write("file", ""), none);
    REQUIRE_FALSE(a_file);
    CHECK(fd2::means_no_directory(a_file.error().sys_errno));
}

TEST_CASE("a directory and a file are told apart") {
    const scratch dir;
    auto file = fd2::open_to_read(dir.write("file", "x"));
    auto directory = fd2::open_to_read(dir.path());
    REQUIRE(file);
    REQUIRE(directory);
    CHECK(*fd2::kind_of(file->get()) == fd2::file_kind::regular);
    CHECK(*fd2::kind_of(directory->get()) == fd2::file_kind::directory);
    CHECK_FALSE(fd2::kind_of(-1));
}

TEST_CASE("names for one file have one identity") {
    const scratch dir;
    const std::string file = dir.write("one", "");
    std::filesystem::create_hard_link(file, dir / "two");
    dir.write("three", "");
    CHECK(*fd2::identity_of(file) == *fd2::identity_of(dir / "two"));
    CHECK_FALSE(*fd2::identity_of(file) == *fd2::identity_of(dir / "three"));
    CHECK_FALSE(fd2::identity_of(dir / "four"));
}

TEST_CASE("a file takes the place of another") {
    const scratch dir;
    dir.write("old", "old");
    dir.write("new", "new");
    REQUIRE(fd2::replace_file(dir / "new", dir / "old"));
    CHECK(whole(dir / "old") == "new");
    CHECK_FALSE(fd2::is_there(dir / "new"));
    CHECK_FALSE(fd2::replace_file(dir / "new", dir / "old"));
}

TEST_CASE("our own file in our own directory is trusted") {
    const scratch dir;
    const auto file = fd2::real_path(dir.write("file", ""));
    REQUIRE(file);
    const auto above = fd2::distrust_above(*file);
    INFO((above ? above->component + ": " + above->why : std::string()));
    CHECK_FALSE(above);
    const auto opened = fd2::open_to_read(*file, fd2::last_link::refuse);
    REQUIRE(opened);
    CHECK_FALSE(fd2::distrust_of_open(*file, opened->get()));
    CHECK(fd2::distrust_above(dir / "missing/file"));
}

TEST_CASE("a variable that is empty is not one that is missing") {
    CHECK(fd2::environment_variable("PATH"));
    CHECK_FALSE(fd2::environment_variable("FD2_NO_SUCH_VARIABLE"));
}

TEST_CASE("words are joined and things are counted") {
    CHECK(fd2::join(std::vector<std::string>{"a", "", "c"}, ", ") == "a, , c");
    CHECK(fd2::join(std::vector<std::string>{}, ", ") == "");
    CHECK(fd2::count_of(0, "line") == "0 lines");
    CHECK(fd2::count_of(1, "line") == "1 line");
}
