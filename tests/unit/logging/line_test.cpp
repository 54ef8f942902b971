// Children's lines: exact bytes, pauses, drops, finishing, lifetimes.
#include <atomic>
#include <random>
#include <thread>

#include "unit/logging/support.hpp"

using namespace logging_test;

namespace {

line_record make_line(std::string_view text, std::uint64_t seq) {
    line_record line;
    line.text = text;
    line.channel = 5;
    line.backend = "pipe";
    line.pid = 42;
    line.seq = seq;
    return line;
}

log_options small(const scratch& dir, console& tty) {
    log_options options;
    options.console = tty.writer();
    options.file = dir / "log";
    options.queue_bytes = 16 << 10;
    options.delivery_bytes = 8 << 10;
    return options;
}

/// Offers numbered lines of `size` bytes until the verdict is `full`. Returns the next number.
std::uint64_t fill(line_sink& sink, std::uint64_t seq, std::size_t size) {
    const std::string text(size, 'x');
    while (sink.offer(make_line(text, seq++)) == verdict::room) REQUIRE(seq < 1'000'000);
    return seq;
}

void check_sums(const line_counts& counts) {
    CHECK(counts.offered == counts.written + counts.dropped + counts.queued);
}

std::size_t lines_in(const std::string& path) {
    std::size_t found = 0;
    for (const json& record : records(path)) found += record.contains("kind");
    return found;
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
        const auto sink = log->open_lines({});
        for (std::uint64_t seq = 1; seq <= 3000; ++seq) {
            std::string text(random() % 200, '\0');
            const auto kind = random() % 3;
            for (char& c : text) {
                c = static_cast<char>(kind == 0   ? random() % 256
                                      : kind == 1 ? random() % 128
                                                  : 'a' + random() % 26);
            }
            // Half of them come in two parts, as a line does that a reader held back.
            line_record line = make_line(text, seq);
            const std::size_t cut = text.empty() ? 0 : random() % text.size();
            line.rest = std::string_view(text).substr(cut);
            line.text = std::string_view(text).substr(0, cut);
            CHECK(sink->offer(line) == verdict::room);
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
        const auto sink = log->open_lines({});
        line_record line = make_line("first", 1);
        line.time_ns = 1709251199'123456789;
        CHECK(sink->offer(line) == verdict::room);
        line.seq = 2;
        line.time_ns += 5 * fd2::microsecond;
        line.text = "";
        CHECK(sink->offer(line) == verdict::room);
        line.seq = 3;
        line.backend = "socketpair";  // handed over
        line.continued = true;
        line.partial = true;
        CHECK(sink->offer(line) == verdict::room);
        line.seq = 4;
        line.time_ns -= 100 * fd2::second;  // the wall clock was set back
        CHECK(sink->offer(line) == verdict::room);
    }
    const auto got = records(options.file);
    REQUIRE(got.size() == 4);
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
    CHECK(got[3]["time"] == "2024-02-29T23:58:19.123461Z");
    CHECK(got[3]["seq"] == 4);
    CHECK(got[2]["backend"] == "socketpair");
    CHECK(got[2]["partial"] == true);
    CHECK(got[2]["continued"] == true);
}

TEST_CASE("a full queue pauses with room for the rest of a delivery, and resumes once") {
    const scratch dir;
    console tty;
    const log_options options = small(dir, tty);
    bell room;
    std::uint64_t seq = 1;
    {
        const auto log = open_log(options);
        const auto sink = log->open_lines(room.ring());
        hold_thread(*log, tty);
        seq = fill(*sink, seq, 79);
        // The rest of the delivery: 8 KiB of payload with the line that was answered with `full`.
        const std::string text(79, 'y');
        for (int left = (8 << 10) / 80 - 1; left > 0; --left) {
            CHECK(sink->offer(make_line(text, seq++)) == verdict::full);
        }
        CHECK(sink->counts().dropped == 0);
        CHECK(room.rung() == 0);
        tty.let_go();
        REQUIRE(room.wait_for(1));
        CHECK(sink->offer(make_line("after", seq++)) == verdict::room);
        REQUIRE(log->flush(soon()));
        check_sums(sink->counts());
        CHECK(sink->counts().written == seq - 1);
        // A second round: the pause works again.
        hold_thread(*log, tty);
        seq = fill(*sink, seq, 79);
        tty.let_go();
        REQUIRE(room.wait_for(2));
    }
    CHECK(room.rung() == 2);
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
        const auto sink = log->open_lines({});
        hold_thread(*log, tty);
        for (std::uint64_t seq = 1; seq <= 100'000; ++seq) sink->offer(make_line("", seq));
        const line_counts counts = sink->counts();
        check_sums(counts);
        dropped = counts.dropped;
        offered = counts.offered;
        CHECK(counts.queued < (16U << 10) / 8 + (8U << 10) + 1);
        tty.let_go();
        REQUIRE(log->flush(soon()));
        check_sums(sink->counts());
        CHECK(sink->counts().queued == 0);
    }
    CHECK(dropped > 0);
    CHECK(lines_in(options.file) == offered - dropped);
    CHECK(tty.count(std::to_string(dropped) + " lines were not logged: no room in the log queue") ==
          1);
}

TEST_CASE("with when_full drop a full queue never pauses: it drops, counts and tells") {
    const scratch dir;
    console tty;
    log_options options = small(dir, tty);
    options.when_full = when_full::drop;
    bell room;
    std::uint64_t dropped = 0;
    {
        const auto log = open_log(options);
        const auto sink = log->open_lines(room.ring());
        hold_thread(*log, tty);
        for (std::uint64_t seq = 1; seq <= 1000; ++seq) {
            CHECK(sink->offer(make_line("a line of text", seq)) == verdict::room);
        }
        check_sums(sink->counts());
        dropped = sink->counts().dropped;
        tty.let_go();
    }
    CHECK(dropped > 0);
    CHECK(room.rung() == 0);
    CHECK(lines_in(options.file) == 1000 - dropped);
    const std::string told = std::to_string(dropped) + " lines were not logged";
    CHECK(tty.count(told) == 1);
    const json last = records(options.file).back();
    CHECK(last["message"].get<std::string>().starts_with(told));
    CHECK(last["channel"] == 5);
    CHECK(last["pid"] == 42);
}

TEST_CASE("a finishing channel is never told to pause and may exceed by its object's capacity") {
    const scratch dir;
    console tty;
    const log_options options = small(dir, tty);
    bell room;
    std::uint64_t seq = 1;
    {
        const auto log = open_log(options);
        const auto sink = log->open_lines(room.ring());
        hold_thread(*log, tty);
        seq = fill(*sink, seq, 79);
        const std::uint64_t at_full = seq;
        sink->finishing(64 << 10);
        const std::string text(79, 'z');
        for (; seq < at_full + (64 << 10) / 80; ++seq) {
            CHECK(sink->offer(make_line(text, seq)) == verdict::room);
        }
        CHECK(sink->counts().dropped == 0);
        for (int i = 0; i < 1000; ++i) {
            CHECK(sink->offer(make_line(text, seq + 1)) == verdict::room);
        }
        CHECK(sink->counts().dropped > 800);  // nothing is without an end
        tty.let_go();
        REQUIRE(log->flush(soon()));
        check_sums(sink->counts());
    }
    CHECK(room.rung() == 0);  // the pause was over when it was finishing
}

TEST_CASE("a talking child does not drown fd2's own warnings") {
    const scratch dir;
    console tty;
    const log_options options = small(dir, tty);
    const auto log = open_log(options);
    const auto sink = log->open_lines({});
    hold_thread(*log, tty);
    fill(*sink, 1, 100);
    say(*log, fd2::severity::warning, "still heard");
    tty.let_go();
    CHECK(tty.wait_for("still heard"));
    CHECK(log->stats().events_dropped == 0);
}

TEST_CASE("many channels on many threads, pausing and resuming: every line arrives in order") {
    constexpr std::size_t channels = 6;
    constexpr std::uint64_t each = 8000;
    const scratch dir;
    log_options options;
    options.file = dir / "log";
    options.queue_bytes = 32 << 10;
    options.delivery_bytes = 4 << 10;
    std::atomic<int> pauses{0};
    {
        const auto log = open_log(options);
        std::vector<std::thread> running;
        for (std::size_t channel = 1; channel <= channels; ++channel) {
            running.emplace_back([&, channel] {
                bell room;
                int paused = 0;
                const auto sink = log->open_lines(room.ring());
                for (std::uint64_t seq = 1; seq <= each; ++seq) {
                    line_record line = make_line("some text of a line", seq);
                    line.channel = channel;
                    if (sink->offer(line) == verdict::full && !room.wait_for(++paused)) return;
                }
                pauses += paused;
            });
        }
        for (std::thread& one : running) one.join();
    }
    CHECK(pauses > 0);
    std::vector<std::uint64_t> next(channels, 1);
    for (const json& record : records(options.file)) {
        std::uint64_t& expected = next[record["channel"].get<std::size_t>() - 1];
        CHECK(record["seq"] == expected++);
    }
    CHECK(next == std::vector<std::uint64_t>(channels, each + 1));
}

TEST_CASE("the destructor writes everything that was queued") {
    const scratch dir;
    log_options options;
    options.file = dir / "log";
    options.queue_bytes = 64 << 20;
    options.queue_records = 100'000;
    constexpr std::uint64_t sent = 30'000;
    {
        const auto log = open_log(options);
        const auto sink = log->open_lines({});
        for (std::uint64_t seq = 1; seq <= sent; ++seq) {
            CHECK(sink->offer(make_line("in a hurry", seq)) == verdict::room);
        }
    }
    CHECK(lines_in(options.file) == sent);
}

TEST_CASE("a sink may outlive its service and may be destroyed in its own on_room") {
    const scratch dir;
    console tty;
    const log_options options = small(dir, tty);
    auto log = open_log(options);
    const auto survivor = log->open_lines({});
    bell rung;
    std::unique_ptr<line_sink> suicide;
    suicide = log->open_lines([&] {
        suicide.reset();
        rung.ring()();
    });
    hold_thread(*log, tty);
    fill(*suicide, 1, 100);
    tty.let_go();
    REQUIRE(rung.wait_for(1));
    CHECK(suicide == nullptr);
    log.reset();
    CHECK(survivor->offer(make_line("late", 1)) == verdict::room);
    CHECK(survivor->counts().dropped == 1);
    check_sums(survivor->counts());
}

TEST_CASE("a sink's destructor waits for its on_room and forgets a pending pause") {
    const scratch dir;
    console tty;
    const log_options options = small(dir, tty);
    auto log = open_log(options);
    bell room;
    auto sink = log->open_lines(room.ring());
    hold_thread(*log, tty);
    fill(*sink, 1, 100);
    sink.reset();  // while a pause is pending and lines are queued
    tty.let_go();
    log.reset();
    CHECK(room.rung() == 0);
    CHECK(lines_in(options.file) > 0);

    // While on_room runs, the destructor does not return.
    log = open_log(options);
    std::mutex mutex;
    std::condition_variable changed;
    bool inside = false, may_leave = false, left = false;
    sink = log->open_lines([&] {
        std::unique_lock lock(mutex);
        inside = true;
        changed.notify_all();
        changed.wait(lock, [&] { return may_leave; });
        left = true;
    });
    hold_thread(*log, tty);
    fill(*sink, 1, 100);
    tty.let_go();
    {
        std::unique_lock lock(mutex);
        REQUIRE(changed.wait_for(lock, std::chrono::seconds(60), [&] { return inside; }));
    }
    std::thread releases([&] {
        const std::unique_lock lock(mutex);
        may_leave = true;
        changed.notify_all();
    });
    sink.reset();
    {
        const std::unique_lock lock(mutex);
        CHECK(left);
    }
    releases.join();
}
