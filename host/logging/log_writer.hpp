// What the log thread does: takes records from the queue and brings them to their targets.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "logging/event_router.hpp"
#include "logging/log_options.hpp"
#include "logging/record_queue.hpp"
#include "logging/rotating_file.hpp"
#include "logging/syslog_socket.hpp"

namespace fd2::logging {

/// Figures that other threads may read while the log thread counts.
struct writer_counters {
    std::atomic<std::uint64_t> events_lost{0};
    std::atomic<std::uint64_t> events_refused{0};
    std::atomic<std::uint64_t> console_refused{0};
    std::atomic<std::uint64_t> syslog_dropped{0};
    std::atomic<std::uint64_t> file_written{0};
    std::atomic<std::uint64_t> file_dropped{0};
    std::atomic<std::uint64_t> file_errors{0};
    std::atomic<int> file_errno{0};
    std::atomic<std::uint64_t> rotations{0};
};

/// `prepare` on the thread that builds it, then `run` on the log thread; `stop_by` and `counters`
/// from any. Problems with a target are told on the others, once a kind; they never end `run`.
class log_writer {
  public:
    log_writer(const log_options& options, record_queue& queue)
        : options_(options), queue_(queue) {}

    /// Opens the file and what waiting needs.
    status prepare();

    /// Works until the queue was stopped and is empty.
    void run() noexcept;

    /// From `deadline` on nothing is waited for and the file is written no more. Ends a wait in
    /// progress at that time.
    void stop_by(nanoseconds_t deadline) noexcept;

    const writer_counters& counters() const noexcept { return counters_; }

  private:
    void handle_block(const record_block& block) noexcept;
    void handle_event(const queued_event& what) noexcept;
    void handle_line(line_source& source, const line_record& line) noexcept;
    void tell(severity level, std::string_view message, const line_loss& whose = {}) noexcept;
    void tell_losses(const record_queue::work& work) noexcept;
    void tell_problems() noexcept;
    void tell_totals() noexcept;

    void add_to_file(line_source* source, std::size_t start) noexcept;
    void flush_file() noexcept;
    void settle(std::size_t written) noexcept;
    void file_failed(int error, std::uint64_t lost);
    void reopen_file() noexcept;
    void to_console(std::string_view text) noexcept;
    void to_syslog(const queued_event& what, std::string_view text) noexcept;
    bool wait_writable(int fd, nanoseconds_t deadline) noexcept;
    event_targets targets();

    const log_options& options_;
    record_queue& queue_;
    writer_counters counters_;
    unique_fd wake_;
    std::atomic<nanoseconds_t> stop_at_{never};

    std::unique_ptr<event_router> router_;  // made with the first event: Boost.Log is not cheap

    std::optional<rotating_file> file_;
    std::string pending_;              // records for the file
    std::vector<std::size_t> ends_;    // where each ends in pending_
    std::vector<line_source*> whose_;  // null for events
    bool file_silent_ = false;         // a problem of the file is not told to the file
    bool file_stalled_ = false;        // it took nothing for too long: not waited for again
    int outage_ = 0;                   // errno of an outage that is not over
    std::uint64_t outage_lost_ = 0;

    std::optional<syslog_socket> syslog_;
    bool syslog_stalled_ = false;
    bool refusal_told_ = false;
    std::set<int> told_;  // errnos of the file that were told, and syslog's negated
    std::vector<std::string> problems_;
};

}  // namespace fd2::logging
