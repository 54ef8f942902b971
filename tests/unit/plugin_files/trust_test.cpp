#include "channel/trust.hpp"

#include <fcntl.h>
#include <sys/statvfs.h>

#include "channel/loader.hpp"
#include "support.hpp"

using fd2::errc;
using fd2::trusted_owner;
using fd2::channel::open_plugin;
using fd2::channel::trust_source;

namespace {

constexpr uid_t somebody = 65534;

/// Refused by the check, and the failure names `component` and advises `mend`.
void check_refused(const std::string& file, const std::string& component, const std::string& mend,
                   const trusted_owner& owner = {}) {
    const auto opened = open_plugin(file, trust_source::verified, owner);
    REQUIRE_FALSE(opened);
    INFO(opened.error().message);
    CHECK(opened.error().code == errc::denied);
    CHECK(contains(opened.error().message, component + ": "));
    CHECK(contains(opened.error().advice, mend));
    CHECK(open_plugin(file, trust_source::caller, owner));  // what the caller names is not checked
}

bool is_trusted(const std::string& file, const trusted_owner& owner = {}) {
    const auto opened = open_plugin(file, trust_source::verified, owner);
    if (!opened) UNSCOPED_INFO(opened.error().message);
    return static_cast<bool>(opened);
}

}  // namespace

TEST_CASE("a plugin that only trusted parties can write is opened, close-on-exec") {
    const scratch here;
    const auto opened =
        open_plugin(copy_plugin(here, "good", "good.so"), trust_source::verified, {});
    REQUIRE(opened);
    CHECK((::fcntl(opened->descriptor.get(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(is_trusted(copy_plugin(here, "good", "read-only.so", 0444)));
}

TEST_CASE("a file or a directory that others may write is refused, with the way out") {
    const scratch here;
    const auto group = copy_plugin(here, "good", "group.so", 0775);
    check_refused(group, group, "chmod go-w " + group);
    const auto world = copy_plugin(here, "good", "world.so", 0757);
    check_refused(world, world, "chmod go-w " + world);

    for (const mode_t mode : {0775U, 0757U, 0777U}) {
        const auto directory = here.directory("open", mode);
        here.directory("open/below");
        const auto file = copy_plugin(here, "good", "open/below/good.so");
        check_refused(file, directory, "chmod go-w " + directory);
        REQUIRE(::chmod(directory.c_str(), 0755) == 0);
        CHECK(is_trusted(file));
    }
}

TEST_CASE("a sticky directory may be written by all, a sticky file may not") {
    const scratch here;
    here.directory("sticky", 01777);
    CHECK(is_trusted(copy_plugin(here, "good", "sticky/good.so")));
    const auto file = copy_plugin(here, "good", "file.so", 01777);
    check_refused(file, file, "chmod go-w " + file);
}

TEST_CASE("a link is followed, and what counts is where it leads") {
    const scratch here;
    here.directory("shut");
    const auto open = here.directory("open", 0777);
    copy_plugin(here, "good", "shut/good.so");
    const auto exposed = copy_plugin(here, "good", "open/good.so");
    const auto link = here.path() + "/link.so";
    REQUIRE(::symlink("shut/good.so", link.c_str()) == 0);
    CHECK(is_trusted(link));
    REQUIRE(::unlink(link.c_str()) == 0);
    REQUIRE(::symlink(exposed.c_str(), link.c_str()) == 0);
    check_refused(link, open, "chmod go-w " + open);
    const auto way = here.path() + "/way";
    REQUIRE(::symlink("open", way.c_str()) == 0);
    check_refused(way + "/good.so", open, "chmod go-w " + open);
    check_refused(here.path() + "/shut/../open/good.so", open, "chmod go-w " + open);
}

TEST_CASE("what belongs to another user is refused, unless that user is trusted") {
    if (::geteuid() != 0) return;  // only root can give a file away
    const scratch here;
    const auto file = copy_plugin(here, "good", "good.so");
    REQUIRE(::chown(file.c_str(), somebody, 0) == 0);
    check_refused(file, file, "chown root " + file);
    CHECK(is_trusted(file, {somebody, -1}));
    REQUIRE(::chown(file.c_str(), 0, 0) == 0);
    const auto directory = here.directory("theirs");
    const auto below = copy_plugin(here, "good", "theirs/good.so");
    REQUIRE(::chown(directory.c_str(), somebody, 0) == 0);
    check_refused(below, directory, "chown root " + directory);
    // Sticky does not help: its owner may rename what lies in it.
    REQUIRE(::chmod(directory.c_str(), 01755) == 0);
    check_refused(below, directory, "chown root " + directory);
    CHECK(is_trusted(below, {somebody, -1}));
}

TEST_CASE("a trusted group may write, the rest of the world may not") {
    const scratch here;
    struct stat status {};
    const auto file = copy_plugin(here, "good", "good.so", 0775);
    REQUIRE(::stat(file.c_str(), &status) == 0);
    const trusted_owner ours{-1, static_cast<long>(status.st_gid)};
    CHECK(is_trusted(file, ours));
    check_refused(file, file, "chmod go-w", {-1, static_cast<long>(status.st_gid) + 1});
    REQUIRE(::chmod(file.c_str(), 0777) == 0);
    check_refused(file, file, "chmod go-w", ours);
}

TEST_CASE("a set-id bit is refused") {
    const scratch here;
    for (const mode_t mode : {04755U, 02755U}) {
        const auto file = copy_plugin(here, "good", "good.so", mode);
        check_refused(file, file, "chmod ug-s " + file);
    }
}

TEST_CASE("what is not a regular file is refused at once, never waited for") {
    const scratch here;
    const auto fifo = here.path() + "/fifo.so";
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    const auto directory = here.directory("directory.so");
    for (const auto source : {trust_source::verified, trust_source::caller}) {
        for (const auto& path : {fifo, directory, std::string("/dev/null")}) {
            const auto opened = open_plugin(path, source, {});
            REQUIRE_FALSE(opened);
            CHECK(opened.error().code == errc::denied);
            CHECK(contains(opened.error().message, path + ": not a regular file"));
        }
    }
}

TEST_CASE("a mount with noexec is refused") {
    struct statvfs mount {};
    REQUIRE(::statvfs("/proc/version", &mount) == 0);
    if ((mount.f_flag & ST_NOEXEC) == 0) return;  // this system's /proc is none
    const auto opened = open_plugin("/proc/version", trust_source::verified, {});
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == errc::denied);
    CHECK(contains(opened.error().message, "/proc/version: is on a noexec mount"));
}

TEST_CASE("a file that is not there is no fault of the backend") {
    const scratch here;
    const auto file = here.write("file", "");
    for (const auto source : {trust_source::verified, trust_source::caller}) {
        for (const auto& path : {here.path() + "/none.so", file + "/none.so"}) {
            const auto opened = open_plugin(path, source, {});
            REQUIRE_FALSE(opened);
            CHECK(opened.error().code == errc::unsupported);
            CHECK(contains(opened.error().message, path));
        }
    }
}

TEST_CASE("the executable says whom to trust beside root") {
    struct stat status {};
    REQUIRE(::stat("/proc/self/exe", &status) == 0);
    const auto owner = fd2::channel::owner_of_executable();
    CHECK(owner.uid == static_cast<long>(status.st_uid));
    const bool group = (status.st_mode & S_IWGRP) != 0;
    CHECK(owner.writable_group == (group ? static_cast<long>(status.st_gid) : -1));
    CHECK_FALSE(fd2::has_raised_privileges());
}
