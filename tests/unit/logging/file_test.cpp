// The file: rotation, other hands on it.
#include "unit/logging/support.hpp"

using namespace logging_test;
using fd2::severity;

TEST_CASE("rotation keeps every record while files are kept") {
    const scratch dir;
    log_options options;
    options.file = dir / "log";
    options.max_size = 4096;
    options.keep = 1000;
    {
        const auto log = open_log(options);
        write_numbered(*log, 0, 2000);
        say(*log, severity::info, std::string(10'000, 'x'));  // larger than a file
        write_numbered(*log, 2001, 2100);
    }
    std::uint64_t rotations = 0;
    while (std::filesystem::exists(options.file + '.' + std::to_string(rotations + 1))) ++rotations;
    CHECK(rotations > 40);
    const auto got = all_records(options.file);
    REQUIRE(got.size() == 2100);
    for (std::size_t i = 0; i < got.size(); ++i) {
        if (i != 2000) CHECK(got[i]["message"] == std::to_string(i));
    }
    std::size_t large = 0;
    for (std::uint64_t n = 1; n <= rotations; ++n) {
        large += std::filesystem::file_size(options.file + '.' + std::to_string(n)) > 4096;
    }
    CHECK(large == 1);
}

TEST_CASE("rotation keeps as many files as asked, the newest records without a gap") {
    const auto keep = GENERATE(0U, 1U, 3U);
    const scratch dir;
    log_options options;
    options.file = dir / "log";
    options.max_size = 2000;
    options.keep = keep;
    {
        const auto log = open_log(options);
        // In rounds, so that the file stands at different fills when a write comes.
        for (int i = 0; i < 300; i += 10) {
            write_numbered(*log, i, i + 10);
            log->settle(soon());
        }
    }
    std::size_t files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(dir / ".")) {
        files += entry.is_regular_file();
    }
    CHECK(files == keep + 1);
    const auto got = all_records(options.file);
    REQUIRE(got.size() > 1);
    int expected = 300 - static_cast<int>(got.size());
    for (const json& record : got) CHECK(record["message"] == std::to_string(expected++));
}

TEST_CASE_METHOD(log_place, "a renamed file is written on until there is a new one") {
    const auto log = open_log(options);
    say(*log, severity::info, "one");
    log->settle(soon());
    std::filesystem::rename(options.file, dir / "log.1");
    say(*log, severity::info, "two");
    log->settle(soon());
    CHECK_FALSE(std::filesystem::exists(options.file));
    std::ofstream(options.file).flush();
    say(*log, severity::info, "three");
    log->settle(soon());
    CHECK(records(dir / "log.1").size() == 2);
    const auto got = records(options.file);
    REQUIRE(got.size() == 1);
    CHECK(got[0]["message"] == "three");
    CHECK(tty.lines().empty());
}

TEST_CASE_METHOD(log_place, "a rotation that cannot be made loses no record") {
    options.max_size = 1000;
    options.keep = 1;
    std::filesystem::create_directories(dir / "log.1/in the way");
    {
        const auto log = open_log(options);
        write_numbered(*log, 0, 100);
        log->settle(soon());
        write_numbered(*log, 100, 200);
    }
    const auto got = records(options.file);
    std::size_t numbered = 0;
    for (const json& record : got) numbered += record["level"] == "info";
    CHECK(numbered == 200);
    CHECK(tty.count("log.1 is not an fd2 log") == 1);
}
