// What a log_service is built from. The defaults log warnings to the console and nothing else.
#pragma once

#include <fd2/observer.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace fd2::logging {

/// What a child does whose lines fill the queue to the log file faster than the file takes them.
enum class when_full : std::uint8_t {
    pause,  ///< its channel is paused; nothing is lost
    drop,   ///< lines are dropped and counted
};

enum class syslog_facility : std::uint8_t { user, daemon };

struct log_options {
    // The console. The writer gets one finished line with its newline, e.g.
    // "fd2: warning: ...\n"; it must not block; false says that it was not taken. It is called on
    // the log thread, and on no other.
    std::optional<severity> console_level = severity::warning;  ///< nullopt: off
    std::function<bool(std::string_view line)> console;         ///< empty: off

    // The file: JSON lines, appended. A FIFO or a device serves as well (never rotated).
    std::string file;  ///< empty: none
    severity file_level = severity::info;
    std::uint64_t max_size = 16ULL << 20;  ///< bytes before rotation; 0: never
    unsigned keep = 5;                     ///< FILE.1 (newest) to FILE.keep; 0: the full file goes

    // Syslog, on the local datagram socket.
    bool syslog = false;
    severity syslog_level = severity::info;
    syslog_facility facility = syslog_facility::user;
    std::string ident = "fd2";
    std::string syslog_socket = "/dev/log";

    // The queue. Events and lines are bounded apart, each by both figures, so that a talking
    // child cannot drown fd2's own warnings. A queued line costs its text and 8 bytes, and some 60
    // more where it does not continue the run of lines before it.
    std::size_t queue_bytes = 4U << 20;
    std::size_t queue_records = 64U << 10;
    logging::when_full when_full = logging::when_full::pause;

    /// The most payload that one delivery can still bring after `full` was announced: a drain's
    /// largest chunk (64 KiB) and a line that the splitter held back before it. At least 64 KiB
    /// and `capture.max-line`.
    std::size_t delivery_bytes = 128U << 10;

    /// A file that can block (FIFO, terminal) and took nothing for so long counts as failed: its
    /// records are dropped and counted, and paused channels go on, until it takes bytes again.
    nanoseconds_t stall = 2 * second;

    /// How long the destructor may spend on writing what is queued.
    nanoseconds_t flush = 2 * second;
};

}  // namespace fd2::logging
