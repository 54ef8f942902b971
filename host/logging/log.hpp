// fd2's log: its own messages to a JSON-lines file and to syslog, a child's lines to the file.
#pragma once

#include <fd2/observer.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "logging/event_records.hpp"
#include "logging/log_file.hpp"
#include "logging/queue.hpp"
#include "logging/stop_signal.hpp"
#include "logging/syslog_socket.hpp"

namespace fd2::logging {

struct log_options {
    /// JSON lines, appended; an absolute path. A FIFO or a device serves as well (never rotated).
    std::string file;                    ///< empty: none
    std::uint64_t max_size = 10U << 20;  ///< bytes before rotation
    unsigned keep = 5;                   ///< FILE.1 (newest) to FILE.keep; 0: no rotated file

    std::string syslog;               ///< the local datagram socket; empty: no syslog
    severity level = severity::info;  ///< the least one, in the file and in syslog

    /// Gets the log's messages about itself, on the log thread only. It must not block.
    std::function<void(const event& what)> report;

    // The queue, see there. The most that one delivery can still bring after `pause`: a drain's
    // largest chunk, and a line that was held back before it.
    std::size_t queue_bytes = 4U << 20;
    std::size_t delivery_bytes = 128U << 10;
    bool pause_when_full = true;  ///< false: lines are dropped and counted

    /// A file that can block (FIFO, terminal) and took nothing for this long counts as failed: its
    /// records are dropped and counted, and a paused child goes on, until it takes bytes again.
    nanoseconds_t stall = 2 * second;

    /// How long `close` may spend on writing what is queued.
    nanoseconds_t flush = 2 * second;
};

/// One log with one thread of its own, named fd2-log, with every signal blocked; it alone writes.
/// A problem with one target is reported on the others, once for each kind, and never ends the log.
class log {
  public:
    /// Opens the file and starts the thread. Fails with the operation, the errno and the object
    /// when the file cannot be opened (EACCES, EISDIR, a FIFO without a reader: ENXIO) or when
    /// descriptors, memory or threads are short. A missing syslog is no failure: it is reported
    /// with the first record, and tried again with each.
    static result<std::unique_ptr<log>> open(log_options options);

    log(const log&) = delete;
    log& operator=(const log&) = delete;

    /// Writes everything that is queued, within log_options::flush; what a stuck file does not take
    /// by then is dropped and reported. A paused child is resumed. Then joins the thread. (A write
    /// to a regular file on a dead network file system cannot be interrupted; it is the one thing
    /// that this waits for without a limit.)
    void close() noexcept;
    ~log() { close(); }

    /// Takes a copy into the queue; the log thread does the rest. Any thread; never blocks; a full
    /// queue or a lack of memory drops the event and counts it, and one record says later how many
    /// were lost.
    void on_event(const event& what) noexcept;

    /// Whether there is a file that takes documents: they are of level info.
    bool takes_documents() const noexcept {
        return !options_.file.empty() && options_.level <= severity::info;
    }

    /// A run has ended, or what runs was changed: `what.message` says it in JSON on one line. As
    /// `on_event`, for the file alone, and only if `takes_documents`.
    void on_document(const event& what, kind of) noexcept { queue_->push(what, of); }

    /// Where the lines of the child go. Once. Without a file every line counts as dropped.
    std::shared_ptr<queue> open_lines(std::function<void()> resume) noexcept;

    /// No more lines will be offered: waits until all that was queued before has been written or
    /// dropped. What the file has not taken by `deadline` is dropped, and nothing more is written
    /// to it. The counts of lines are final afterwards. Not to be called on the log thread.
    void settle(nanoseconds_t deadline) noexcept;

  private:
    explicit log(log_options&& options);
    status prepare();
    void start();
    void stop_by(nanoseconds_t deadline) noexcept;

    void run() noexcept;
    void handle(const queue::block& block) noexcept;
    void handle_event(const event& what, std::int64_t time,
                      unsigned targets = to_file | to_syslog) noexcept;
    void handle_document(const event& what, kind of, std::int64_t time) noexcept;
    void handle_line(const line_view& line) noexcept;
    void add_to_file(std::size_t start, bool line) noexcept;
    void flush_file() noexcept;
    void file_failed(int error, std::uint64_t lost);
    void lose_record(bool line) noexcept;
    void to_syslog_socket(std::string_view datagram) noexcept;
    bool wait_writable(int fd, nanoseconds_t deadline) noexcept;

    void tell(const event& what, unsigned targets = to_file | to_syslog) noexcept;
    void tell_losses(const queue::work& work) noexcept;
    void tell_problems() noexcept;
    void tell_totals() noexcept;

    const log_options options_;
    const std::shared_ptr<queue> queue_;
    stop_signal stop_;                           // set once, when there is an end to waiting
    std::atomic<nanoseconds_t> stop_at_{never};  // then nothing is waited for or written any more

    // The log thread's.
    std::unique_ptr<event_records> events_;
    std::optional<log_file> file_;
    std::string pending_;            // records for the file: lines, or events
    std::vector<std::size_t> ends_;  // where each ends in pending_
    bool pending_lines_ = false;
    bool file_stalled_ = false;  // it took nothing for too long: not waited for again
    int outage_ = 0;             // errno of an outage that is not over
    std::uint64_t outage_lost_ = 0;
    std::uint64_t lost_ = 0;  // records that were meant for the file, or events, after the queue
    int file_errno_ = 0;      // the newest
    std::optional<syslog_socket> syslog_;
    bool syslog_stalled_ = false;
    std::set<int> told_;  // errnos that were reported; syslog's are negated
    std::vector<std::string> problems_;

    std::thread thread_;
};

}  // namespace fd2::logging
