#include "base/files.posix.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>

#include "base/unique_fd.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"

TEST_CASE("a path is made absolute from the working directory") {
    const std::string here = std::filesystem::current_path().string();
    CHECK(fd2::absolute("a/b") == here + "/a/b");
    CHECK(fd2::absolute("/a") == "/a");
    CHECK(fd2::absolute("") == "");
}

TEST_CASE("two names of one file are the same file") {
    const scratch dir;
    const std::string file = dir.write("one", "");
    std::filesystem::create_hard_link(file, dir / "two");
    struct stat one {};
    struct stat two {};
    struct stat other {};
    REQUIRE(::stat(file.c_str(), &one) == 0);
    REQUIRE(::stat((dir / "two").c_str(), &two) == 0);
    REQUIRE(::stat(dir.write("three", "").c_str(), &other) == 0);
    CHECK(fd2::same_file(one, two));
    CHECK_FALSE(fd2::same_file(one, other));
}

TEST_CASE("a new file gets the owner, group and mode of the one that it replaces") {
    const scratch dir;
    const fd2::unique_fd file(
        ::open((dir / "new").c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    REQUIRE(file);
    struct stat about {};
    REQUIRE(::fstat(file.get(), &about) == 0);
    struct stat model = about;
    model.st_mode = S_IFREG | 0664;
    CHECK(fd2::adopt_attributes(file.get(), model));
    REQUIRE(::fstat(file.get(), &about) == 0);
    CHECK((about.st_mode & 07777) == 0664);

    // A group that only root may give: without it, nobody gets the group's permissions.
    model.st_gid = 4711;
    const bool root = ::geteuid() == 0;
    CHECK(fd2::adopt_attributes(file.get(), model) == root);
    REQUIRE(::fstat(file.get(), &about) == 0);
    CHECK((about.st_gid == 4711) == root);
    CHECK((about.st_mode & 07777) == (root ? 0664 : 0604));
}

TEST_CASE("a descriptor is made non-blocking, or the errno says why not") {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const fd2::unique_fd read_end(ends[0]);
    const fd2::unique_fd write_end(ends[1]);
    CHECK(fd2::set_non_blocking(read_end.get()) == 0);
    CHECK((::fcntl(read_end.get(), F_GETFL) & O_NONBLOCK) != 0);
    CHECK(fd2::set_non_blocking(-1) == EBADF);
}
