// What the tests of this room share: directories, files read back, a console that is looked at.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "logging/log_service.hpp"
#include "support/catch.hpp"

namespace logging_test {

using nlohmann::json;
using namespace fd2::logging;

/// Only catches hangs.
inline fd2::nanoseconds_t soon() {
    return fd2::after(fd2::now(), 60 * fd2::second);
}

/// A directory of its own, removed with everything in it.
class scratch {
  public:
    scratch() {
        char name[] = "/tmp/fd2-logging-XXXXXX";
        REQUIRE(::mkdtemp(name) != nullptr);
        path_ = name;
    }
    ~scratch() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    scratch(const scratch&) = delete;
    scratch& operator=(const scratch&) = delete;
    std::string operator/(std::string_view name) const { return path_ + '/' + std::string(name); }

  private:
    std::string path_;
};

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

/// The console of a test: keeps what it is told, and can be made to hold the log thread. (A real
/// console never blocks; holding the thread is how a test gets a full queue without a race.)
class console {
  public:
    std::function<bool(std::string_view)> writer() {
        return [this](std::string_view line) {
            std::unique_lock lock(mutex_);
            lines_.emplace_back(line);
            said_.notify_all();
            said_.wait(lock, [this] { return !held_; });
            return true;
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
    /// Waits until a line contains `text`.
    bool wait_for(std::string_view text) {
        std::unique_lock lock(mutex_);
        return said_.wait_for(lock, std::chrono::seconds(60), [&] { return find(text) != 0; });
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

inline std::unique_ptr<log_service> open_log(log_options options) {
    // On a loaded machine the ordinary bound on the last flush must not decide a test.
    if (options.flush == log_options{}.flush) options.flush = 60 * fd2::second;
    auto opened = log_service::open(std::move(options));
    INFO((opened ? std::string() : opened.error().message));
    REQUIRE(opened);
    return std::move(opened).value();
}

inline void say(log_service& log, fd2::severity level, std::string_view message) {
    log.on_event({level, message});
}

/// Makes the log thread stand in the console writer until `let_go`.
inline void hold_thread(log_service& log, console& where) {
    const std::string mark = "the thread is held, " + std::to_string(where.lines().size());
    where.hold();
    say(log, fd2::severity::error, mark);
    REQUIRE(where.wait_for(mark));
}

/// Counts calls and lets a test wait for them.
class bell {
  public:
    std::function<void()> ring() {
        return [this] {
            const std::unique_lock lock(mutex_);
            ++rung_;
            changed_.notify_all();
        };
    }
    bool wait_for(int times) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, std::chrono::seconds(60), [&] { return rung_ >= times; });
    }
    int rung() {
        const std::unique_lock lock(mutex_);
        return rung_;
    }

  private:
    std::mutex mutex_;
    std::condition_variable changed_;
    int rung_ = 0;
};

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
