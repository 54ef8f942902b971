// Files that fail while they are written: full, blocked, limited. No crash, no stuck channel.
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/unique_fd.hpp"
#include "unit/logging/support.hpp"

using namespace logging_test;
using fd2::severity;

namespace {

/// A FIFO with a reader that does not read.
struct stuck_fifo {
    explicit stuck_fifo(const scratch& dir) : path(dir / "fifo") {
        REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
        reader.reset(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
        REQUIRE(reader);
    }
    /// Fills it, so that not one record fits.
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

}  // namespace

TEST_CASE("a full disk is told once, counted, and releases a paused child") {
    console tty;
    log_options options;
    options.report = tty.reader();
    options.file = "/dev/full";
    options.queue_bytes = 16 << 10;
    calls resumed;
    std::uint64_t lines = 0;
    {
        const auto log = open_log(options);
        const auto sink = open_lines(*log, resumed.call());
        hold_thread(*log, tty);
        lines = fill(*sink, 1, 100) - 1;
        tty.let_go();
        REQUIRE(resumed.wait(1));
        CHECK(sink->offer(make_line("on", lines + 1)) == fd2::flow::more);
        log->settle(soon());
        CHECK(sink->counts().dropped == lines + 1);
        CHECK(sink->counts().written == 0);
        for (int i = 0; i < 50; ++i) {
            say(*log, severity::info, "more");
            log->settle(soon());
        }
    }
    CHECK(tty.count("write log file: /dev/full: No space left on device (ENOSPC)") == 1);
    // The lines, the events, the one that held the thread and what was said of it.
    CHECK(tty.count(std::to_string(lines + 53) + " records were not written: ENOSPC") == 1);
    CHECK(tty.lines().size() == 3);
}

TEST_CASE_METHOD(log_place,
                 "after an outage no record is torn, and the file says what is missing") {
    {
        const auto log = open_log(options);
        say(*log, severity::info, "before");
        log->settle(soon());
        {
            const file_size_limit limit(1000);
            say(*log, severity::info, std::string(2000, 'x'));  // goes in up to the limit
            log->settle(soon());
            CHECK(std::filesystem::file_size(options.file) == 1000);
            say(*log, severity::info, "lost");
            log->settle(soon());
        }
        say(*log, severity::info, "after");
        log->settle(soon());
    }
    CHECK(tty.count("2 records were not written: EFBIG") == 1);
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

TEST_CASE("a FIFO that nobody reads blocks no child, and its records come whole again later") {
    const scratch dir;
    const stuck_fifo fifo(dir);
    console tty;
    log_options options;
    options.report = tty.reader();
    options.file = fifo.path;
    options.queue_bytes = 32 << 10;
    options.stall = fd2::millisecond;
    calls resumed;
    std::string seen;
    line_counts counts;
    {
        const auto log = open_log(options);
        const auto sink = open_lines(*log, resumed.call());
        const std::string text(100, 'x');
        std::uint64_t seq = 1;
        int paused = 0;
        while (sink->counts().dropped == 0) {  // the pipe fills, then the queue, then the stall
            if (sink->offer(make_line(text, seq++)) == fd2::flow::pause) {
                REQUIRE(resumed.wait(++paused));
            }
        }
        REQUIRE(tty.wait_for("no one is reading"));
        log->settle(soon());
        seen = fifo.read_available();
        sink->offer(make_line("again", seq));
        log->settle(soon());
        seen += fifo.read_available();
        counts = sink->counts();
        CHECK(counts.offered == counts.written + counts.dropped);
        CHECK(counts.dropped > 0);
    }
    seen += fifo.read_available();
    CHECK(tty.count("no one is reading") == 1);
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
    options.report = tty.reader();
    options.file = fifo.path;
    options.queue_bytes = 32 << 10;
    options.stall = fd2::never;
    options.flush = 10 * fd2::millisecond;
    calls resumed;
    auto log = open_log(options);
    const auto sink = open_lines(*log, resumed.call());
    fill(*sink, 1, 100);
    log.reset();
    CHECK(resumed.count() == 1);
    const line_counts counts = sink->counts();
    CHECK(counts.dropped > 0);
    CHECK(counts.offered == counts.written + counts.dropped);
    CHECK(counts.written == 0);
    CHECK(tty.count(std::to_string(counts.dropped) + " records were not written") == 1);
}

TEST_CASE("a finishing child beside a stuck FIFO is never paused") {
    const scratch dir;
    const stuck_fifo fifo(dir);
    fifo.fill_up();
    log_options options;
    options.file = fifo.path;
    options.queue_bytes = 16 << 10;
    options.stall = fd2::never;
    options.flush = 0;
    const auto log = open_log(options);
    const auto sink = open_lines(*log);
    fill(*sink, 1, 100);
    sink->finishing(1 << 20);
    for (std::uint64_t i = 0; i < 10'000; ++i) {
        CHECK(sink->offer(make_line("the last words of a child", i)) == fd2::flow::more);
    }
    CHECK(sink->counts().dropped == 0);
}

TEST_CASE("a FIFO whose reader goes away costs records, not the process") {
    const scratch dir;
    stuck_fifo fifo(dir);
    console tty;
    log_options options;
    options.report = tty.reader();
    options.file = fifo.path;
    const auto log = open_log(options);
    fifo.reader.reset();
    say(*log, severity::info, "to nobody");
    CHECK(tty.wait_for("(EPIPE)"));
}
