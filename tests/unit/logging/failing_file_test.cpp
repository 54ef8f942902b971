// Files that fail while they are written: full, blocked, limited. No crash, no stuck channel.
#include <sys/ioctl.h>
#include <sys/resource.h>

#include "base/unique_fd.hpp"
#include "unit/logging/support.hpp"

using namespace logging_test;
using fd2::severity;

namespace {

line_record make_line(std::string_view text, std::uint64_t seq) {
    line_record line;
    line.text = text;
    line.channel = 1;
    line.seq = seq;
    return line;
}

/// A FIFO with a reader that does not read.
struct stuck_fifo {
    explicit stuck_fifo(const scratch& dir) : path(dir / "fifo") {
        REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
        reader.reset(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
        REQUIRE(reader);
    }
    /// Leaves no room in it, so that not one record fits.
    void fill_up() const {
        const fd2::unique_fd writer(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
        REQUIRE(writer);
        const std::string page(4096, '\n');
        while (::write(writer.get(), page.data(), page.size()) > 0) continue;
    }
    /// Takes what is there now.
    std::string read_available() const {
        std::string out;
        char piece[4096];
        for (ssize_t n; (n = ::read(reader.get(), piece, sizeof piece)) > 0;) {
            out.append(piece, static_cast<std::size_t>(n));
        }
        return out;
    }
    std::string path;
    fd2::unique_fd reader;
};

/// The soft limit on file sizes, put back at the end.
class file_size_limit {
  public:
    explicit file_size_limit(rlim_t bytes) {
        REQUIRE(::getrlimit(RLIMIT_FSIZE, &before_) == 0);
        const rlimit now{bytes, before_.rlim_max};
        REQUIRE(::setrlimit(RLIMIT_FSIZE, &now) == 0);
    }
    ~file_size_limit() { ::setrlimit(RLIMIT_FSIZE, &before_); }
    file_size_limit(const file_size_limit&) = delete;
    file_size_limit& operator=(const file_size_limit&) = delete;

  private:
    rlimit before_{};
};

/// Offers until told to pause; returns the number of lines.
std::uint64_t fill(line_sink& sink) {
    std::uint64_t seq = 1;
    const std::string text(100, 'x');
    while (sink.offer(make_line(text, seq++)) == verdict::room) REQUIRE(seq < 1'000'000);
    return seq - 1;
}

}  // namespace

TEST_CASE("a full disk is told once, counted, and releases paused channels") {
    console tty;
    log_options options;
    options.console = tty.writer();
    options.file = "/dev/full";
    options.queue_bytes = 16 << 10;
    bell room;
    std::uint64_t lines = 0;
    {
        const auto log = open_log(options);
        const auto sink = log->open_lines(room.ring());
        hold_thread(*log, tty);
        lines = fill(*sink);
        tty.let_go();
        REQUIRE(room.wait_for(1));
        CHECK(sink->offer(make_line("on", lines + 1)) == verdict::room);
        REQUIRE(log->flush(soon()));
        CHECK(sink->counts().dropped == lines + 1);
        CHECK(sink->counts().written == 0);
        const log_stats stats = log->stats();
        CHECK(stats.file_errno == ENOSPC);
        CHECK(stats.file_dropped == lines + 2);
        CHECK(stats.file_written == 0);
        for (int i = 0; i < 50; ++i) {
            say(*log, severity::info, "more");
            REQUIRE(log->flush(soon()));
        }
    }
    CHECK(tty.count("write log file: /dev/full: No space left on device (ENOSPC)") == 1);
    CHECK(tty.count(std::to_string(lines + 52) + " records were not written") == 1);
    CHECK(tty.lines().size() == 3);
}

TEST_CASE("after an outage no record is torn, and the file says what is missing") {
    const scratch dir;
    console tty;
    log_options options;
    options.console = tty.writer();
    options.file = dir / "log";
    std::uint64_t lost = 0;
    {
        const auto log = open_log(options);
        say(*log, severity::info, "before");
        REQUIRE(log->flush(soon()));
        {
            const file_size_limit limit(1000);
            say(*log, severity::info, std::string(2000, 'x'));  // goes in up to the limit
            REQUIRE(log->flush(soon()));
            CHECK(std::filesystem::file_size(options.file) == 1000);
            say(*log, severity::info, "lost");
            REQUIRE(log->flush(soon()));
            lost = log->stats().file_dropped;
        }
        say(*log, severity::info, "after");
        REQUIRE(log->flush(soon()));
    }
    CHECK(lost == 2);
    std::istringstream in(contents(options.file));
    std::vector<std::string> good;
    std::size_t torn = 0;
    for (std::string line; std::getline(in, line);) {
        const json record = json::parse(line, nullptr, false);
        if (record.is_discarded()) {
            ++torn;
        } else {
            good.push_back(record["message"]);
        }
    }
    CHECK(torn == 1);
    CHECK(good == std::vector<std::string>{"before", "after",
                                           "log file: 2 records were not written: EFBIG"});
    CHECK(tty.count("(EFBIG)") == 1);
}

TEST_CASE("a FIFO that nobody reads blocks no channel, and its records come whole again later") {
    const scratch dir;
    const stuck_fifo fifo(dir);
    console tty;
    log_options options;
    options.console = tty.writer();
    options.file = fifo.path;
    options.queue_bytes = 32 << 10;
    options.stall = fd2::millisecond;
    bell room;
    std::string seen;
    line_counts counts;
    {
        const auto log = open_log(options);
        const auto sink = log->open_lines(room.ring());
        const std::string text(100, 'x');
        std::uint64_t seq = 1;
        int paused = 0;
        while (sink->counts().dropped == 0) {  // the pipe fills, then the queue, then the stall
            if (sink->offer(make_line(text, seq++)) == verdict::full) {
                REQUIRE(room.wait_for(++paused));
            }
        }
        REQUIRE(tty.wait_for("nobody reads"));
        REQUIRE(log->flush(soon()));
        seen = fifo.read_available();
        sink->offer(make_line("again", seq));
        REQUIRE(log->flush(soon()));
        seen += fifo.read_available();
        counts = sink->counts();
        CHECK(counts.queued == 0);
        CHECK(counts.offered == counts.written + counts.dropped);
        CHECK(counts.dropped > 0);
    }
    seen += fifo.read_available();
    CHECK(tty.count("nobody reads") == 1);
    std::uint64_t lines = 0;
    std::string last;
    const auto got = parse_lines(seen);  // each of them parses
    for (const json& record : got) {
        if (!record.contains("kind")) continue;
        ++lines;
        last = record["text"];
    }
    CHECK(lines == counts.written);
    CHECK(last == "again");
}

TEST_CASE("the destructor does not wait for ever for a stuck FIFO, and releases the paused") {
    const scratch dir;
    const stuck_fifo fifo(dir);
    fifo.fill_up();
    console tty;
    log_options options;
    options.console = tty.writer();
    options.file = fifo.path;
    options.queue_bytes = 32 << 10;
    options.stall = fd2::never;
    options.flush = 10 * fd2::millisecond;
    bell room;
    auto log = open_log(options);
    const auto sink = log->open_lines(room.ring());
    fill(*sink);
    log.reset();
    CHECK(room.rung() == 1);
    const line_counts counts = sink->counts();
    CHECK(counts.queued == 0);
    CHECK(counts.dropped > 0);
    CHECK(counts.offered == counts.written + counts.dropped);
    CHECK(counts.written == 0);
    CHECK(tty.count(std::to_string(counts.dropped) + " records were not written") == 1);
}

TEST_CASE("a finishing channel beside a stuck FIFO is never paused") {
    const scratch dir;
    const stuck_fifo fifo(dir);
    fifo.fill_up();
    log_options options;
    options.file = fifo.path;
    options.queue_bytes = 16 << 10;
    options.stall = fd2::never;
    options.flush = 0;
    const auto log = open_log(options);
    const auto sink = log->open_lines({});
    fill(*sink);
    sink->finishing(1 << 20);
    for (std::uint64_t i = 0; i < 10'000; ++i) {
        CHECK(sink->offer(make_line("the last words of a child", i)) == verdict::room);
    }
    CHECK(sink->counts().dropped == 0);
}

TEST_CASE("a FIFO whose reader goes away costs records, not the process") {
    const scratch dir;
    stuck_fifo fifo(dir);
    console tty;
    log_options options;
    options.console = tty.writer();
    options.file = fifo.path;
    const auto log = open_log(options);
    fifo.reader.reset();
    say(*log, severity::info, "to nobody");
    CHECK(tty.wait_for("(EPIPE)"));
    REQUIRE(log->flush(soon()));
    CHECK(log->stats().file_dropped == 1);
}
