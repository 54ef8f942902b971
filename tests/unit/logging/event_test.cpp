// Events: to the console and to the file, from many threads, never blocking.
#include <dirent.h>
#include <signal.h>

#include <stdexcept>
#include <thread>

#include "unit/logging/support.hpp"

using namespace logging_test;
using fd2::severity;

namespace {

std::vector<std::string> names_in(const std::string& directory) {
    std::vector<std::string> out;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
        out.push_back(entry.path().filename());
    }
    return out;
}

/// The status of this process's thread that is named fd2-log, or nothing.
std::string log_thread_status() {
    for (const std::string& id : names_in("/proc/self/task")) {
        if (contents("/proc/self/task/" + id + "/comm") == "fd2-log\n") {
            return contents("/proc/self/task/" + id + "/status");
        }
    }
    return {};
}

}  // namespace

TEST_CASE("the console gets one line an event, from its level on") {
    console tty;
    log_options options;
    options.console = tty.writer();
    {
        const auto log = open_log(options);
        say(*log, severity::info, "not shown");
        say(*log, severity::warning, "pipe: Too many open files (EMFILE)");
        log->on_event({severity::error, "a\nb\x1B[2Jc", "pipe", 3, 99});
    }
    CHECK(tty.lines() == std::vector<std::string>{
                             "fd2: warning: pipe: Too many open files (EMFILE)\n",
                             "fd2: error: a\\nb\\x1b[2Jc\n",
                         });
}

TEST_CASE("the file gets a JSON object a line, with channel, backend and pid") {
    const scratch dir;
    console tty;
    log_options options;
    options.console = tty.writer();
    options.console_level = std::nullopt;
    options.file = dir / "log";
    options.file_level = severity::debug;
    {
        const auto log = open_log(options);
        say(*log, severity::trace, "not kept");
        log->on_event({severity::debug, "a \"quoted\"\nmessage\xFF", "socketpair", 7, 4711});
        say(*log, severity::error, "nobody's");
        REQUIRE(log->flush(soon()));
        CHECK(log->stats().events_offered == 2);
        CHECK(log->stats().file_written == 2);
    }
    CHECK(tty.lines().empty());
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

TEST_CASE("eight threads of events: all arrive, each thread's in order") {
    constexpr int threads = 8, each = 3000;
    const scratch dir;
    log_options options;
    options.file = dir / "log";
    options.queue_records = threads * each;
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

TEST_CASE("a console that refuses or throws is counted and disturbs nothing else") {
    const scratch dir;
    log_options options;
    int calls = 0;
    options.console = [&calls](std::string_view) -> bool {
        if (++calls % 2 == 0) throw std::runtime_error("no");
        return false;
    };
    options.file = dir / "log";
    {
        const auto log = open_log(options);
        for (int i = 0; i < 4; ++i) say(*log, severity::error, "x");
        REQUIRE(log->flush(soon()));
        CHECK(log->stats().console_refused == 4);
    }
    CHECK(calls == 4);
    CHECK(records(options.file).size() == 4);
}

TEST_CASE("a full queue drops events, counts them, and says so once") {
    console tty;
    log_options options;
    options.console = tty.writer();
    options.queue_records = 10;
    std::uint64_t dropped = 0;
    {
        const auto log = open_log(options);
        hold_thread(*log, tty);
        // The held event still occupies the queue: it is not done with.
        for (int i = 0; i < 30; ++i) say(*log, severity::error, "one of many");
        dropped = log->stats().events_dropped;
        tty.let_go();
    }
    CHECK(dropped == 21);
    CHECK(tty.count("one of many") == 9);
    CHECK(tty.count("21 log records were dropped: no room in the log queue") == 1);
    CHECK(tty.lines().size() == 11);
}

TEST_CASE("the queue's bound on bytes holds as well, and one huge event is just dropped") {
    console tty;
    log_options options;
    options.console = tty.writer();
    options.queue_bytes = 64 << 10;
    const auto log = open_log(options);
    say(*log, severity::error, std::string(65 << 10, 'x'));
    REQUIRE(tty.wait_for("1 log record was dropped"));
    CHECK(log->stats().events_dropped == 1);
    say(*log, severity::error, std::string(63 << 10, 'x'));
    REQUIRE(log->flush(soon()));
    CHECK(tty.count("xxxx") == 1);
    hold_thread(*log, tty);
    for (int i = 0; i < 10; ++i) say(*log, severity::error, std::string(10 << 10, 'y'));
    CHECK(log->stats().events_dropped == 5);  // the huge one, and four of these
    tty.let_go();
    REQUIRE(log->flush(soon()));
    CHECK(tty.count("yyyy") == 6);
}

TEST_CASE("the log thread is named, takes no signal, and is gone with the service") {
    console tty;
    log_options options;
    options.console = tty.writer();
    {
        const auto log = open_log(options);
        say(*log, severity::error, "there");
        REQUIRE(tty.wait_for("there"));
        const std::string status = log_thread_status();
        const std::size_t at = status.find("SigBlk:\t");
        REQUIRE(at != status.npos);
        // All 64 but SIGKILL, SIGSTOP and the two (32, 33) that glibc keeps for itself.
        const auto blocked = std::stoull(status.substr(at + 8, 16), nullptr, 16);
        CHECK((blocked | 1ULL << 31 | 1ULL << 32 | 1ULL << (SIGKILL - 1) | 1ULL << (SIGSTOP - 1)) ==
              ~0ULL);
        sigset_t ours;
        REQUIRE(::pthread_sigmask(SIG_BLOCK, nullptr, &ours) == 0);
        CHECK(::sigismember(&ours, SIGTERM) == 0);
    }
    CHECK(log_thread_status().empty());
}

TEST_CASE("every descriptor is close-on-exec, and none is left") {
    const scratch dir;
    const auto before = names_in("/proc/self/fd");
    log_options options;
    options.console = [](std::string_view) { return true; };
    options.file = dir / "log";
    options.max_size = 200;
    options.syslog = true;
    options.syslog_socket = dir / "nobody";
    {
        const auto log = open_log(options);
        for (int i = 0; i < 20; ++i) say(*log, severity::error, "fill and rotate");
        log->reopen();
        REQUIRE(log->flush(soon()));
        CHECK(log->stats().rotations > 0);
        const auto during = names_in("/proc/self/fd");
        CHECK(during.size() == before.size() + 2);
        for (const std::string& name : during) {
            if (std::find(before.begin(), before.end(), name) != before.end()) continue;
            const int flags = ::fcntl(std::stoi(name), F_GETFD);
            CHECK((flags & FD_CLOEXEC) != 0);
        }
    }
    CHECK(names_in("/proc/self/fd").size() == before.size());
}

TEST_CASE("a service without any target takes events and lines, and starts nothing of Boost.Log") {
    const auto log = open_log({});
    say(*log, severity::error, "nobody listens");
    bell room;
    const auto lines = log->open_lines(room.ring());
    line_record line;
    line.text = "x";
    CHECK(lines->offer(line) == verdict::room);
    CHECK(log->flush(soon()));
    CHECK(log->stats().events_offered == 0);
    CHECK(lines->counts().dropped == 1);
}
