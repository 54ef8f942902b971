// The file: opening, rotation, other hands on it.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <map>

#include "unit/logging/support.hpp"

using namespace logging_test;
using fd2::severity;

namespace {

fd2::failure open_failure(const std::string& path) {
    log_options options;
    options.file = path;
    const auto opened = fd2::logging::log::open(options);
    REQUIRE_FALSE(opened);
    return opened.error();
}

}  // namespace

TEST_CASE("a file that cannot be opened fails with operation, object and errno") {
    const scratch dir;
    const auto is_directory = open_failure(dir / ".");
    CHECK(is_directory.sys_errno == EISDIR);
    CHECK(is_directory.message.starts_with("open: " + dir / "."));
    const auto missing = open_failure(dir / "no/such/log");
    CHECK(missing.sys_errno == ENOENT);
    CHECK(missing.message.find("(ENOENT)") != std::string::npos);
    REQUIRE(::mkfifo((dir / "fifo").c_str(), 0600) == 0);
    CHECK(open_failure(dir / "fifo").sys_errno == ENXIO);  // at once, not when a reader comes
    if (::geteuid() != 0) {
        REQUIRE(::mkdir((dir / "closed").c_str(), 0500) == 0);
        CHECK(open_failure(dir / "closed/log").code == fd2::errc::denied);
    } else {
        // Root is refused nothing here, but a child that gave up its rights is.
        REQUIRE(::chmod((dir / ".").c_str(), 0700) == 0);
        const std::string path = dir / "log";
        const pid_t pid = ::fork();
        REQUIRE(pid >= 0);
        if (pid == 0) {
            log_options options;
            options.file = path;
            if (::setuid(65534) != 0) ::_exit(3);
            const auto opened = fd2::logging::log::open(options);
            ::_exit(!opened && opened.error().sys_errno == EACCES &&
                            opened.error().code == fd2::errc::denied
                        ? 0
                        : 1);
        }
        int status = 0;
        REQUIRE(::waitpid(pid, &status, 0) == pid);
        CHECK(status == 0);
    }
}

TEST_CASE("the file is appended to, and not readable by everybody") {
    const scratch dir;
    log_options options;
    options.file = dir / "log";
    std::ofstream(options.file) << "{\"before\":true}\n";
    {
        const auto log = open_log(options);
        say(*log, severity::info, "appended");
    }
    const auto got = records(options.file);
    REQUIRE(got.size() == 2);
    CHECK(got[0]["before"] == true);
    CHECK(got[1]["message"] == "appended");

    const mode_t before = ::umask(022);
    options.file = dir / "fresh";
    open_log(options).reset();
    ::umask(before);
    struct stat st;
    REQUIRE(::stat(options.file.c_str(), &st) == 0);
    CHECK((st.st_mode & 07777) == 0640);
}

TEST_CASE("two processes with one file share it and its rotation without losing a record") {
    const scratch dir;
    log_options options;
    options.file = dir / "log";
    options.max_size = 3000;
    options.keep = 10'000;
    constexpr int each = 1500;
    const auto write_as = [&](std::uint64_t channel) {
        const auto log = open_log(options);
        for (int i = 0; i < each; ++i) {
            log->on_event({severity::info, std::to_string(i), "", channel});
        }
    };
    const pid_t pid = ::fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        write_as(1);
        ::_exit(0);
    }
    write_as(2);
    int status = 0;
    REQUIRE(::waitpid(pid, &status, 0) == pid);
    REQUIRE(status == 0);
    std::map<int, std::vector<bool>> seen{{1, std::vector<bool>(each)},
                                          {2, std::vector<bool>(each)}};
    std::size_t found = 0;
    for (const json& record : all_records(options.file)) {
        INFO(record.dump());
        REQUIRE(record["level"] == "info");  // no complaint: nothing of this is unusual
        const auto number =
            static_cast<std::size_t>(std::stoi(record["message"].get<std::string>()));
        seen[record["channel"].get<int>()].at(number) = true;
        ++found;
    }
    CHECK(found == 2 * each);
    CHECK(seen[1] == std::vector<bool>(each, true));
    CHECK(seen[2] == std::vector<bool>(each, true));
}

TEST_CASE_METHOD(log_place, "a successor that cannot be opened keeps the old file") {
    const auto log = open_log(options);
    std::filesystem::rename(options.file, dir / "moved");
    std::filesystem::create_directory(options.file);
    say(*log, severity::info, "kept");
    log->settle(soon());
    CHECK(tty.count("(EISDIR)") == 1);
    CHECK(contents(dir / "moved").find("kept") != std::string::npos);
}

TEST_CASE("a symbolic link stays one: its target is rotated") {
    const scratch dir;
    std::filesystem::create_directory(dir / "real");
    log_options options;
    options.file = dir / "log";
    REQUIRE(::symlink((dir / "real/target").c_str(), options.file.c_str()) == 0);
    options.max_size = 1000;
    {
        const auto log = open_log(options);
        write_numbered(*log, 0, 50);
    }
    CHECK(std::filesystem::is_symlink(options.file));
    CHECK(std::filesystem::exists(dir / "real/target.1"));
    CHECK_FALSE(std::filesystem::exists(dir / "log.1"));
}

TEST_CASE_METHOD(log_place, "a deleted file is created again, and the console reports it once") {
    const auto log = open_log(options);
    for (const char* text : {"one", "two", "three"}) {
        std::filesystem::remove(options.file);
        say(*log, severity::info, text);
        log->settle(soon());
        const auto got = records(options.file);
        REQUIRE_FALSE(got.empty());
        CHECK(got[0]["message"] == text);
    }
    CHECK(tty.count("deleted; created again") == 1);
    CHECK(tty.lines().size() == 1);
}
