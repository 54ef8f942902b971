// Children's lines: exact bytes, pauses, drops, finishing, lifetimes.
#include <random>
#include <thread>

#include "unit/logging/support.hpp"

using namespace logging_test;

namespace {

log_options small(const scratch& dir, console& tty) {
    log_options options;
    options.report = tty.reader();
    options.file = dir / "log";
    options.queue_bytes = 16 << 10;
    options.delivery_bytes = 8 << 10;
    return options;
}

void check_sums(const line_counts& counts) {
    CHECK(counts.offered == counts.written + counts.dropped);
}

}  // namespace

TEST_CASE("lines keep their bytes, whatever they are") {
    const scratch dir;
    log_options options;
    options.file = dir / "log";
    options.queue_bytes = 64 << 20;
    std::mt19937 random(20240229);
    std::vector<std::string> sent;
    {
        const auto log = open_log(options);
        const auto sink = open_lines(*log);
        for (std::uint64_t seq = 1; seq <= 3000; ++seq) {
            std::string text(random() % 200, '\0');
            const auto kind = random() % 3;
            for (char& c : text) {
                c = static_cast<char>(kind == 0   ? random() % 256
                                      : kind == 1 ? random() % 128
                                                  : 'a' + random() % 26);
            }
            // Half of them come in two parts, as a line does that a reader held back.
            auto line = make_line(text, seq);
            const std::size_t cut = text.empty() ? 0 : random() % text.size();
            line.rest = std::string_view(text).substr(cut);
            line.head = std::string_view(text).substr(0, cut);
            CHECK(sink->offer(line) == fd2::flow::more);
            sent.push_back(std::move(text));
        }
    }
    const auto got = records(options.file);
    REQUIRE(got.size() == sent.size());
    std::size_t raw = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
        CHECK(bytes_of(got[i]) == sent[i]);
        CHECK(got[i]["seq"] == i + 1);
        raw += got[i].contains("raw");
        // Bytes are given twice only where the text does not give them.
        if (got[i].contains("raw")) CHECK(got[i]["text"] != sent[i]);
    }
    CHECK(raw > 500);
    CHECK(raw < 1500);
}

TEST_CASE("a line's record says whose it is, when, and whether it is whole") {
    const scratch dir;
    log_options options;
    options.file = dir / "log";
    {
        const auto log = open_log(options);
        const auto sink = open_lines(*log);
        auto line = make_line("first", 1);
        sink->offer(line);
        line.number = 2;
        line.time += 5 * fd2::microsecond;
        line.head = "";
        sink->offer(line);
        line.number = 3;
        line.piece = fd2::line_piece::first;  // two pieces of one line
        sink->offer(line);
        line.piece = fd2::line_piece::last;
        line.unterminated = true;
        sink->offer(line);
        line.number = 5;
        line.unterminated = false;
        line.time -= 100 * fd2::second;  // the wall clock was set back
        sink->offer(line);
        line.number = 6;
        sink->offer(line);
    }
    const auto got = records(options.file);
    REQUIRE(got.size() == 6);
    CHECK(got[0] == json({{"time", "2024-02-29T23:59:59.123456Z"},
                          {"kind", "line"},
                          {"channel", 5},
                          {"backend", "pipe"},
                          {"pid", 42},
                          {"seq", 1},
                          {"text", "first"}}));
    CHECK(got[1]["time"] == "2024-02-29T23:59:59.123461Z");
    CHECK(got[1]["text"] == "");
    CHECK(got[1]["backend"] == "pipe");
    CHECK(got[2]["time"] == got[1]["time"]);
    CHECK(got[2]["more"] == true);
    CHECK(got[3]["seq"] == 3);
    CHECK(got[3]["partial"] == true);
    CHECK(got[3].contains("more") == false);
    CHECK(got[4]["time"] == "2024-02-29T23:58:19.123461Z");
    CHECK(got[4]["seq"] == 5);
    CHECK(got[5]["time"] == got[4]["time"]);
    CHECK(got[5]["seq"] == 6);
}

TEST_CASE("lines wait for the number of their process, and events need not") {
    const scratch dir;
    log_options options;
    options.file = dir / "log";
    auto whose = std::make_shared<line_origin>();
    {
        const auto log = open_log(options);
        const auto lines = log->open_lines({});
        lines->set_origin(whose);
        say(*log, fd2::severity::info, "early");
        log->settle(soon());
        CHECK(records(options.file).size() == 1);
        lines->offer(make_line("x", 1));
        whose->spawned(4711);
    }
    CHECK(records(options.file).back()["pid"] == 4711);
}

TEST_CASE("a full queue pauses, takes the rest of a delivery, and resumes once") {
    const scratch dir;
    console tty;
    const log_options options = small(dir, tty);
    calls resumed;
    std::uint64_t seq = 1;
    {
        const auto log = open_log(options);
        const auto sink = open_lines(*log, resumed.call());
        hold_thread(*log, tty);
        seq = fill(*sink, seq, 79);
        // The rest of the delivery: 8 KiB of payload with the line that was answered with `full`.
        const std::string text(79, 'y');
        for (int left = (8 << 10) / 80 - 1; left > 0; --left) {
            CHECK(sink->offer(make_line(text, seq++)) == fd2::flow::pause);
        }
        CHECK(sink->counts().dropped == 0);
        CHECK(resumed.count() == 0);
        tty.let_go();
        REQUIRE(resumed.wait(1));
        CHECK(sink->offer(make_line("after", seq++)) == fd2::flow::more);
        log->settle(soon());
        check_sums(sink->counts());
        CHECK(sink->counts().written == seq - 1);
        // A second round: the pause works again.
        hold_thread(*log, tty);
        seq = fill(*sink, seq, 79);
        tty.let_go();
        REQUIRE(resumed.wait(2));
    }
    CHECK(resumed.count() == 2);
    std::uint64_t expected = 1;
    for (const json& record : records(options.file)) {
        if (record.contains("kind")) CHECK(record["seq"] == expected++);
    }
    CHECK(expected == seq);
}

TEST_CASE("who goes on although it was told to pause loses lines, counted, and memory is bounded") {
    const scratch dir;
    console tty;
    const log_options options = small(dir, tty);
    std::uint64_t dropped = 0, offered = 0;
    {
        const auto log = open_log(options);
        const auto sink = open_lines(*log);
        hold_thread(*log, tty);
        for (std::uint64_t seq = 1; seq <= 100'000; ++seq) sink->offer(make_line("", seq));
        const line_counts counts = sink->counts();
        dropped = counts.dropped;
        offered = counts.offered;
        // A line in the queue costs 4 bytes at least, and one beyond its bound a byte of payload.
        CHECK(offered - dropped < (16U << 10) / 4 + (8U << 10) + 1);
        tty.let_go();
        log->settle(soon());
        check_sums(sink->counts());
    }
    CHECK(dropped > 0);
    CHECK(lines_in(options.file) == offered - dropped);
    CHECK(tty.count(std::to_string(dropped) + " lines were not logged: the log queue was full") ==
          1);
}

TEST_CASE("without a pause a full queue never pauses: it drops, counts and tells") {
    const scratch dir;
    console tty;
    log_options options = small(dir, tty);
    options.pause_when_full = false;
    calls resumed;
    std::uint64_t dropped = 0;
    {
        const auto log = open_log(options);
        const auto sink = open_lines(*log, resumed.call());
        hold_thread(*log, tty);
        for (std::uint64_t seq = 1; seq <= 1000; ++seq) {
            CHECK(sink->offer(make_line("a line of text", seq)) == fd2::flow::more);
        }
        dropped = sink->counts().dropped;
        tty.let_go();
    }
    CHECK(dropped > 0);
    CHECK(resumed.count() == 0);
    CHECK(lines_in(options.file) == 1000 - dropped);
    const std::string told = std::to_string(dropped) + " lines were not logged";
    CHECK(tty.count(told) == 1);
    const json last = records(options.file).back();
    CHECK(last["message"].get<std::string>().starts_with(told));
    CHECK(last["channel"] == 5);
    CHECK(last["pid"] == 42);
}

TEST_CASE("a finishing child is never told to pause and may exceed by its object's capacity") {
    const scratch dir;
    console tty;
    const log_options options = small(dir, tty);
    calls resumed;
    std::uint64_t seq = 1;
    {
        const auto log = open_log(options);
        const auto sink = open_lines(*log, resumed.call());
        hold_thread(*log, tty);
        seq = fill(*sink, seq, 79);
        const std::uint64_t at_full = seq;
        sink->finishing(64 << 10);
        const std::string text(79, 'z');
        for (; seq < at_full + (64 << 10) / 80; ++seq) {
            CHECK(sink->offer(make_line(text, seq)) == fd2::flow::more);
        }
        CHECK(sink->counts().dropped == 0);
        for (int i = 0; i < 1000; ++i) {
            CHECK(sink->offer(make_line(text, seq + 1)) == fd2::flow::more);
        }
        CHECK(sink->counts().dropped > 800);  // nothing is without an end
        tty.let_go();
        log->settle(soon());
        check_sums(sink->counts());
    }
    CHECK(resumed.count() == 0);  // the pause was over when it was finishing
}

TEST_CASE("a talking child does not drown fd2's own warnings") {
    const scratch dir;
    console tty;
    const log_options options = small(dir, tty);
    const auto log = open_log(options);
    const auto sink = open_lines(*log);
    hold_thread(*log, tty);
    fill(*sink, 1, 100);
    say(*log, fd2::severity::warning, "still heard");
    tty.let_go();
    log->settle(soon());
    CHECK(contents(options.file).find("still heard") != std::string::npos);
}

TEST_CASE("pausing and resuming, beside threads of events: every line arrives in order") {
    constexpr std::uint64_t lines = 40'000, events = 2000;
    const scratch dir;
    log_options options;
    options.file = dir / "log";
    options.queue_bytes = 32 << 10;
    options.delivery_bytes = 4 << 10;
    int paused = 0;
    {
        const auto log = open_log(options);
        std::vector<std::thread> running;
        for (int i = 0; i < 3; ++i) {
            running.emplace_back([&] {
                for (std::uint64_t j = 0; j < events; ++j) say(*log, fd2::severity::info, "event");
            });
        }
        calls resumed;
        const auto sink = open_lines(*log, resumed.call());
        for (std::uint64_t seq = 1; seq <= lines; ++seq) {
            if (sink->offer(make_line("some text of a line", seq)) == fd2::flow::pause) {
                REQUIRE(resumed.wait(++paused));
            }
        }
        for (std::thread& one : running) one.join();
    }
    CHECK(paused > 0);
    std::uint64_t next = 1;
    for (const json& record : records(options.file)) {
        if (record.contains("kind")) CHECK(record["seq"] == next++);
    }
    CHECK(next == lines + 1);
}

TEST_CASE("the destructor writes everything that was queued") {
    const scratch dir;
    log_options options;
    options.file = dir / "log";
    options.queue_bytes = 64 << 20;
    constexpr std::uint64_t sent = 30'000;
    {
        const auto log = open_log(options);
        const auto sink = open_lines(*log);
        for (std::uint64_t seq = 1; seq <= sent; ++seq) {
            CHECK(sink->offer(make_line("in a hurry", seq)) == fd2::flow::more);
        }
    }
    CHECK(lines_in(options.file) == sent);
}

TEST_CASE("lines may come after the end of the log: they are dropped and counted") {
    const scratch dir;
    console tty;
    auto log = open_log(small(dir, tty));
    calls resumed;
    const auto survivor = open_lines(*log, resumed.call());
    log.reset();
    CHECK(survivor->offer(make_line("late", 1)) == fd2::flow::more);
    CHECK(survivor->counts().dropped == 1);
    check_sums(survivor->counts());
    CHECK(resumed.count() == 0);
}
