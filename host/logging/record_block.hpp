// How records lie in the queue: encoded in blocks, one behind the other.
//
// A record costs no allocation of its own, and consecutive lines of one channel form a run that
// shares one head, so that even a child that writes nothing but newlines costs 8 bytes a line.
#pragma once

#include <fd2/observer.hpp>

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "logging/line_sink.hpp"

namespace fd2::logging {

/// An event as the log thread sees it. The views point into the block.
struct queued_event {
    severity level = severity::info;
    std::int64_t time_ns = 0;  ///< CLOCK_REALTIME
    std::uint64_t channel = 0;
    std::string_view backend;
    pid_t pid = 0;
    std::string_view message;
};

/// A piece of queue storage: encoded records, and what they hold of the bounds.
struct record_block {
    std::unique_ptr<std::byte[]> data;
    std::size_t capacity = 0;
    std::size_t used = 0;
    std::size_t event_bytes = 0;
    std::size_t event_records = 0;
    std::size_t line_bytes = 0;
    std::size_t line_records = 0;
    std::unique_ptr<record_block> next;
};

// Writing. The caller owns the bounds: it provides as many bytes as the *_size function said. The
// size of a text is bounded by `longest_text`; identifiers of backends longer than 256 bytes are
// cut.

inline constexpr std::size_t longest_text = (std::size_t{1} << 30) - 1;

std::size_t event_size(const event& what) noexcept;
void put_event(std::byte* to, const event& what, std::int64_t time_ns) noexcept;

/// The first line of a run, and what each further one needs. Times are microseconds on
/// CLOCK_REALTIME.
std::size_t run_size(const line_record& line) noexcept;
std::size_t further_size(const line_record& line) noexcept;
void put_run(std::byte* to, line_source& source, const line_record& line,
             std::int64_t time_us) noexcept;

/// Whether the line can be added to the run: of the same child through the same backend, with the
/// next number, and not earlier than its first line.
bool continues_run(const std::byte* run, const line_source& source, const line_record& line,
                   std::int64_t time_us) noexcept;
/// Adds it; `to` follows what was written last of the run.
void put_further(std::byte* run, std::byte* to, const line_record& line,
                 std::int64_t time_us) noexcept;

/// Walks the records of a block in the order in which they were queued. [the consumer]
class block_reader {
  public:
    explicit block_reader(const record_block& block) noexcept : block_(block) {}

    struct record {
        line_source* source = nullptr;  ///< set: `line` counts; otherwise `event`
        queued_event event;
        line_record line;
    };
    /// The next record, or false at the end.
    bool next(record& out) noexcept;

  private:
    const record_block& block_;
    std::size_t at_ = 0;
    std::size_t lines_left_ = 0;
    std::int64_t run_time_us_ = 0;
    record line_;  // what the lines of the present run share
};

}  // namespace fd2::logging
