// The file on Windows: what cannot be opened, other programs with the file open, no syslog.
#include "base/files.hpp"
#include "unit/logging/support.hpp"

using namespace logging_test;
using fd2::severity;

TEST_CASE("a file that cannot be opened fails with operation, object and code") {
    const scratch dir;
    log_options options;
    options.file = dir / "missing/log";
    auto opened = fd2::logging::log::open(options);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().message.starts_with("open: " + options.file + ": "));
    CHECK(opened.error().message.ends_with("(ERROR_PATH_NOT_FOUND)"));
    options.file = dir.path();  // a directory
    opened = fd2::logging::log::open(options);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == fd2::errc::denied);
}

TEST_CASE("the file is appended to, also by a name beyond ASCII") {
    const scratch dir;
    log_options options;
    options.file = dir / "z\xC3\xBCrich.log";
    for (const char* text : {"one", "two"}) say(*open_log(options), severity::info, text);
    std::ifstream file(fd2::path_of(options.file), std::ios::binary);
    std::ostringstream all;
    all << file.rdbuf();
    const auto got = parse_lines(all.str());
    REQUIRE(got.size() == 2);
    CHECK(got[1]["message"] == "two");
}

TEST_CASE_METHOD(log_place, "who reads the file keeps it from nothing") {
    options.max_size = 2000;
    const auto log = open_log(options);
    write_numbered(*log, 0, 10);
    log->settle(soon());
    const auto reader = fd2::open_to_read(options.file);
    REQUIRE(reader);
    write_numbered(*log, 10, 50);
    log->settle(soon());
    CHECK(std::filesystem::exists(options.file + ".1"));
    CHECK(tty.lines().empty());
    CHECK(all_records(options.file).size() == 50);
}

TEST_CASE_METHOD(log_place, "there is no syslog, which is said once") {
    options.syslog = "/dev/log";
    {
        const auto log = open_log(options);
        say(*log, severity::info, "one");
        say(*log, severity::info, "two");
        log->settle(soon());
    }
    CHECK(tty.count("syslog: /dev/log: ") == 1);
    CHECK(tty.count("(ERROR_NOT_SUPPORTED)") == 1);
}
