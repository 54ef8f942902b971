// fd2's log: events to the console, a JSON-lines file and syslog; children's lines to the file.
//
// A log_service is built by whoever wants one (the fd2 command, an embedding program); the rest
// of the library only knows base's `observer`. Boost.Log sorts the events; what that means for a
// program that uses Boost.Log itself stands in event_router.hpp.
#pragma once

#include <fd2/observer.hpp>

#include <cstdint>
#include <functional>
#include <memory>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "logging/line_sink.hpp"
#include "logging/log_options.hpp"

namespace fd2::logging {

struct log_stats {
    std::uint64_t events_offered = 0;  ///< those that some target's level lets pass
    std::uint64_t events_dropped = 0;  ///< the queue was full or memory short
    std::uint64_t events_refused = 0;  ///< by the program's own Boost.Log filter or switch
    std::uint64_t console_refused = 0;
    std::uint64_t syslog_dropped = 0;
    std::uint64_t file_written = 0;  ///< records, lines and events alike
    std::uint64_t file_dropped = 0;  ///< records that the file did not take whole
    std::uint64_t file_errors = 0;   ///< failed writes
    int file_errno = 0;              ///< of the last failed write, 0 for none
    std::uint64_t rotations = 0;
};

/// One log with one thread of its own, named fd2-log, with every signal blocked; it alone writes.
///
/// Threads: `on_event`, `open_lines`, `reopen`, `flush` and `stats` from any thread. The service
/// outlives those it is given to as an observer.
class log_service : public observer {
  public:
    /// Opens the file and starts the thread. Fails with the operation, the errno and the object
    /// when the file cannot be opened (EACCES, EISDIR, a FIFO without a reader: ENXIO) or when
    /// descriptors, memory or threads are short. A missing syslog is no failure: it is reported
    /// on the console with the first record, and tried again with each.
    static result<std::unique_ptr<log_service>> open(log_options options);

    log_service(const log_service&) = delete;
    log_service& operator=(const log_service&) = delete;

    /// Writes everything that is queued, within log_options::flush; what a stuck file does not
    /// take by then is dropped, and the number is told on the console. Paused channels are told
    /// to go on. Then joins the thread. (A write to a regular file on a dead network file system
    /// cannot be interrupted by anybody; it is the one thing this waits for without a bound.)
    ~log_service() override;

    /// Takes a copy into the queue; the log thread does the rest. Never blocks, never throws; a
    /// full queue or a lack of memory drops the event and counts it, and one record says later
    /// how many were lost.
    void on_event(const event& what) noexcept override;

    /// A sink for the lines of one channel. `on_room` is called on the log thread when a paused
    /// channel may go on; it must not block. Without a file every line counts as dropped.
    std::unique_ptr<line_sink> open_lines(std::function<void()> on_room);

    /// Opens the file anew by its name, as a log rotation asks for (SIGHUP): records queued from
    /// now on go to the file that has the name then. If it cannot be opened the old one stays,
    /// and the console says so. Done by the log thread. Not async-signal-safe.
    void reopen() noexcept;

    /// Waits until everything that was queued before the call has been written or dropped; false
    /// if `deadline` came first. Not to be called on the log thread.
    bool flush(nanoseconds_t deadline) noexcept;

    log_stats stats() const noexcept;

  private:
    class impl;
    explicit log_service(std::unique_ptr<impl> made) noexcept;
    std::unique_ptr<impl> impl_;
};

}  // namespace fd2::logging
