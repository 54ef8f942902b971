// fd2's own messages as Boost.Log's records. Only event_records.cpp includes Boost.Log; starting it
// is expensive, so the log thread makes this with the first event.
#pragma once

#include <fd2/observer.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

namespace fd2::logging {

/// Where a record goes; or-ed together.
inline constexpr unsigned to_file = 1, to_syslog = 2;

/// A sink in Boost.Log's core for each target, with a filter (severity, and whether the record is
/// meant for it) and a formatter: a line of JSON for the file, a datagram for syslog. Attributes:
/// Severity, Time, Channel, Backend, Pid, Message, Targets. [the log thread; one at a time]
class event_records {
  public:
    /// Gets a whole record, formatted. Empty: there is no such target.
    using writer = std::function<void(std::string_view text)>;
    event_records(severity least, writer file, writer syslog);
    ~event_records();
    event_records(const event_records&) = delete;
    event_records& operator=(const event_records&) = delete;

    /// `time` on CLOCK_REALTIME, in nanoseconds. Throws without memory.
    void write(const event& what, std::int64_t time, unsigned targets);

  private:
    struct impl;
    std::unique_ptr<impl> impl_;
};

}  // namespace fd2::logging
