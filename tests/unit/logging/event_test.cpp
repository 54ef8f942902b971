// Events: to the file, from many threads, never blocking.
#include <thread>

#include "unit/logging/support.hpp"

using namespace logging_test;
using fd2::severity;

TEST_CASE("the file gets a JSON object a line, with channel, backend and pid") {
    const scratch dir;
    log_options options;
    options.file = dir / "log";
    options.level = severity::debug;
    {
        const auto log = open_log(options);
        say(*log, severity::trace, "not kept");
        log->on_event({severity::debug, "a \"quoted\"\nmessage\xFF", "socketpair", 7, 4711});
        say(*log, severity::error, "nobody's");
    }
    const auto got = records(options.file);
    REQUIRE(got.size() == 2);
    CHECK(got[0]["level"] == "debug");
    CHECK(got[0]["channel"] == 7);
    CHECK(got[0]["backend"] == "socketpair");
    CHECK(got[0]["pid"] == 4711);
    CHECK(got[0]["message"] == "a \"quoted\"\nmessage\xEF\xBF\xBD");
    CHECK(got[0]["time"].get<std::string>().size() == 27);
    CHECK(got[0].size() == 6);
    CHECK(got[1]["channel"].is_null());
    CHECK(got[1]["backend"].is_null());
    CHECK(got[1]["pid"].is_null());
}

TEST_CASE("a run is a record of its own, with the report as it is") {
    const scratch dir;
    log_options options;
    options.file = dir / "log";
    {
        const auto log = open_log(options);
        REQUIRE(log->takes_documents());
        say(*log, severity::info, "before");
        log->on_document({severity::info, R"({"bytes":7})", "pipe", 1, 4711},
                         fd2::logging::kind::run);
        log->on_document({severity::info, "{}"}, fd2::logging::kind::run);
    }
    const auto got = records(options.file);
    REQUIRE(got.size() == 3);
    CHECK(got[1]["kind"] == "run");
    CHECK(got[1]["channel"] == 1);
    CHECK(got[1]["backend"] == "pipe");
    CHECK(got[1]["pid"] == 4711);
    CHECK(got[1]["report"]["bytes"] == 7);
    CHECK(got[1]["time"].get<std::string>() >= got[0]["time"].get<std::string>());
    CHECK(got[2]["channel"].is_null());
    options.level = severity::warning;
    CHECK_FALSE(open_log(options)->takes_documents());
    options.level = severity::info;
    options.file.clear();
    CHECK_FALSE(open_log(options)->takes_documents());
}

TEST_CASE("eight threads of events: all arrive, each thread's in order") {
    constexpr int threads = 8, each = 3000;
    const scratch dir;
    log_options options;
    options.file = dir / "log";
    options.queue_bytes = 64U << 20;
    {
        const auto log = open_log(options);
        std::vector<std::thread> running;
        for (int t = 0; t < threads; ++t) {
            running.emplace_back([&, t] {
                for (int i = 0; i < each; ++i) {
                    const std::string text = std::to_string(i);
                    log->on_event(
                        {severity::info, text, "pipe", static_cast<std::uint64_t>(t + 1), 1});
                }
            });
        }
        for (std::thread& one : running) one.join();
    }
    std::vector<int> next(threads, 0);
    for (const json& record : records(options.file)) {
        int& expected = next[record["channel"].get<std::size_t>() - 1];
        CHECK(record["message"] == std::to_string(expected));
        ++expected;
    }
    CHECK(next == std::vector<int>(threads, each));
}

TEST_CASE_METHOD(log_place, "a full queue drops events, counts them, and says so") {
    options.queue_bytes = 64 << 10;
    {
        const auto log = open_log(options);
        say(*log, severity::error, std::string(63 << 10, 'x'));
        log->settle(soon());
        hold_thread(*log, tty);
        for (int i = 0; i < 10; ++i) say(*log, severity::error, std::string(10 << 10, 'y'));
        tty.let_go();
    }
    CHECK(
        tty.lines() ==
        std::vector<std::string>{
            "1 log record was dropped: the log queue was full",  // the one that holds
            "4 log records were dropped: the log queue was full",
            "log file: " + options.file + ": 5 records were not written: the log queue was full"});
    CHECK(records(options.file).size() == 1 + 6 + 2);
}

TEST_CASE("a log without a file takes events and lines, and counts the lines as dropped") {
    const auto log = open_log({});
    say(*log, severity::error, "nobody listens");
    calls resumed;
    const auto lines = open_lines(*log, resumed.call());
    CHECK(lines->offer(make_line("x", 1)) == fd2::flow::more);
    log->settle(soon());
    CHECK(lines->counts().dropped == 1);
}
