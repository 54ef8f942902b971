// What the tests of this room share: directories, files read back, a console that is looked at.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <fstream>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "logging/log.hpp"
#include "support/calls.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"

namespace logging_test {

using nlohmann::json;
using namespace fd2::logging;

/// Only catches hangs.
inline fd2::nanoseconds_t soon() {
    return fd2::after(fd2::now(), 60 * fd2::second);
}

inline std::string contents(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::ostringstream out;
    out << file.rdbuf();
    return out.str();
}

inline std::vector<json> parse_lines(const std::string& text) {
    REQUIRE((text.empty() || text.back() == '\n'));
    std::vector<json> out;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) out.push_back(json::parse(line));
    return out;
}

inline std::vector<json> records(const std::string& path) {
    return parse_lines(contents(path));
}

/// What the log says of itself; can be made to hold the log thread. (A real console never blocks;
/// holding the thread is how a test gets a full queue without a race.)
class console {
  public:
    std::function<void(const fd2::event&)> reader() {
        return [this](const fd2::event& what) {
            std::unique_lock lock(mutex_);
            lines_.emplace_back(what.message);
            said_.notify_all();
            said_.wait(lock, [this] { return !held_; });
        };
    }
    void hold() {
        const std::unique_lock lock(mutex_);
        held_ = true;
    }
    void let_go() {
        const std::unique_lock lock(mutex_);
        held_ = false;
        said_.notify_all();
    }
    /// Waits until `times` lines contain `text`.
    bool wait_for(std::string_view text, std::size_t times = 1) {
        std::unique_lock lock(mutex_);
        return said_.wait_for(lock, std::chrono::seconds(60), [&] { return find(text) >= times; });
    }
    std::size_t count(std::string_view text) {
        const std::unique_lock lock(mutex_);
        return find(text);
    }
    std::vector<std::string> lines() {
        const std::unique_lock lock(mutex_);
        return lines_;
    }

  private:
    std::size_t find(std::string_view text) const {
        std::size_t found = 0;
        for (const std::string& line : lines_) found += line.find(text) != line.npos;
        return found;
    }
    std::mutex mutex_;
    std::condition_variable said_;
    std::vector<std::string> lines_;
    bool held_ = false;
};

/// What most tests begin with: a directory, and a log in it that tells the console about itself.
struct log_place {
    scratch dir;
    console tty;
    log_options options;

    log_place() {
        options.report = tty.reader();
        options.file = dir / "log";
    }
};

inline std::unique_ptr<fd2::logging::log> open_log(log_options options) {
    // On a loaded machine the ordinary bound on the last flush must not decide a test.
    if (options.flush == log_options{}.flush) options.flush = 60 * fd2::second;
    auto opened = fd2::logging::log::open(std::move(options));
    INFO((opened ? std::string() : opened.error().message));
    REQUIRE(opened);
    return std::move(opened).value();
}

inline void say(fd2::logging::log& to, fd2::severity level, std::string_view message) {
    to.on_event({level, message});
}

/// FILE.n ... FILE.1, FILE: the records in the order in which they were written.
inline std::vector<json> all_records(const std::string& path) {
    std::vector<json> out;
    int number = 0;
    while (std::filesystem::exists(path + '.' + std::to_string(number + 1))) ++number;
    for (; number >= 0; --number) {
        const std::string name = number == 0 ? path : path + '.' + std::to_string(number);
        for (json& record : records(name)) out.push_back(std::move(record));
    }
    return out;
}

inline void write_numbered(fd2::logging::log& log, int from, int to) {
    for (int i = from; i < to; ++i) say(log, fd2::severity::info, std::to_string(i));
}

/// Makes the log thread stand in the console until `let_go`. It costs one lost record, an event
/// that is longer than any queue of these tests.
inline void hold_thread(fd2::logging::log& to, console& where) {
    const std::string_view told = "1 log record was dropped";
    const std::size_t before = where.count(told);
    where.hold();
    say(to, fd2::severity::error, std::string(5U << 20, 'x'));
    REQUIRE(where.wait_for(told, before + 1));
}

/// The lines of a child with channel 5, backend pipe and pid 42.
inline std::shared_ptr<queue> open_lines(fd2::logging::log& to, std::function<void()> resume = {}) {
    auto whose = std::make_shared<line_origin>();
    whose->channel = 5;
    whose->moved_to("pipe");
    whose->spawned(42);
    auto lines = to.open_lines(std::move(resume));
    lines->set_origin(std::move(whose));
    return lines;
}

inline fd2::line_view make_line(std::string_view text, std::uint64_t number) {
    fd2::line_view line;
    line.head = text;
    line.number = number;
    line.time = 1709251199'123456789;
    return line;
}

/// Offers numbered lines of `size` bytes until the answer is `pause`. Returns the next number.
inline std::uint64_t fill(queue& lines, std::uint64_t number, std::size_t size) {
    const std::string text(size, 'x');
    while (lines.offer(make_line(text, number++)) == fd2::flow::more) REQUIRE(number < 1'000'000);
    return number;
}

inline std::size_t lines_in(const std::string& path) {
    std::size_t found = 0;
    for (const json& record : records(path)) found += record.contains("kind");
    return found;
}

inline std::string from_base64(std::string_view text) {
    static constexpr std::string_view digits =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    std::uint32_t bits = 0;
    int have = 0;
    for (const char c : text) {
        if (c == '=') break;
        bits = bits << 6U | static_cast<std::uint32_t>(digits.find(c));
        if ((have += 6) >= 8) {
            have -= 8;
            out += static_cast<char>(bits >> have & 0xFFU);
        }
    }
    return out;
}

/// The bytes that a record of a line stands for.
inline std::string bytes_of(const json& record) {
    return record.contains("raw") ? from_base64(record["raw"].get<std::string>())
                                  : record["text"].get<std::string>();
}

}  // namespace logging_test
