#include "logging/log_writer.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <utility>

#include "logging/text.hpp"

namespace fd2::logging {
namespace {

constexpr std::size_t write_size = 64U << 10;  // one write(2) carries about so much
constexpr nanoseconds_t syslog_patience = 200 * millisecond;

std::int64_t wall_clock() noexcept {
    timespec ts{};
    ::clock_gettime(CLOCK_REALTIME, &ts);
    return static_cast<std::int64_t>(ts.tv_sec) * second + ts.tv_nsec;
}

void add(std::atomic<std::uint64_t>& counter, std::uint64_t amount) noexcept {
    counter.fetch_add(amount, std::memory_order_relaxed);
}

std::string count(std::uint64_t number, std::string_view thing) {
    return std::to_string(number) + ' ' + std::string(thing) + (number == 1 ? " was" : "s were");
}

}  // namespace

status log_writer::prepare() {
    wake_.reset(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!wake_) return system_failure("eventfd", "log", errno);
    if (!options_.file.empty()) {
        auto opened = rotating_file::open(options_.file, {options_.max_size, options_.keep});
        if (!opened) return std::move(opened).error();
        file_.emplace(std::move(opened).value());
        pending_.reserve(write_size + write_size / 4);
    }
    if (options_.syslog) {
        syslog_.emplace(options_.syslog_socket, options_.ident, options_.facility);
    }
    return {};
}

void log_writer::stop_by(nanoseconds_t deadline) noexcept {
    stop_at_.store(deadline);
    const std::uint64_t one = 1;
    // Cannot fail: the counter is far from its end and nobody else writes to it.
    [[maybe_unused]] const ssize_t n = ::write(wake_.get(), &one, sizeof one);
}

void log_writer::run() noexcept {
    for (bool last = false; !last;) {
        record_queue::work work = queue_.take();
        last = work.stopped && !work.blocks;
        if (work.reopen) reopen_file();
        while (work.blocks) {
            std::unique_ptr<record_block> block = std::move(work.blocks);
            work.blocks = std::move(block->next);
            handle_block(*block);
            flush_file();
            queue_.release(std::move(block));
            queue_.call_paused();
        }
        tell_losses(work);
        flush_file();
        tell_problems();
        queue_.call_paused();
        queue_.mark_settled();
    }
    tell_totals();
    router_.reset();
}

void log_writer::handle_block(const record_block& block) noexcept {
    block_reader reader(block);
    block_reader::record record;
    while (reader.next(record)) {
        if (record.source) {
            handle_line(*record.source, record.line);
        } else {
            handle_event(record.event);
        }
    }
}

event_targets log_writer::targets() {
    event_targets out;
    if (options_.console) {
        out.console = {options_.console_level,
                       [this](const queued_event&, std::string_view text) { to_console(text); }};
    }
    if (file_) {
        out.file = {options_.file_level, [this](const queued_event&, std::string_view text) {
                        if (file_silent_) return;
                        const std::size_t start = pending_.size();
                        pending_ += text;
                        add_to_file(nullptr, start);
                    }};
    }
    if (syslog_) {
        out.syslog = {
            options_.syslog_level,
            [this](const queued_event& what, std::string_view text) { to_syslog(what, text); }};
    }
    return out;
}

void log_writer::handle_event(const queued_event& what) noexcept {
    try {
        if (!router_) router_ = std::make_unique<event_router>(targets());
        if (router_->route(what)) return;
        add(counters_.events_refused, 1);
        if (!std::exchange(refusal_told_, true) && options_.console && options_.console_level) {
            to_console("fd2: warning: the program's own Boost.Log settings refuse fd2's records\n");
        }
    } catch (...) {  // memory, or an exception from the program's filter
        add(counters_.events_lost, 1);
    }
}

void log_writer::handle_line(line_source& source, const line_record& line) noexcept {
    const std::size_t start = pending_.size();
    try {
        append_line(pending_, line);
    } catch (const std::exception&) {
        pending_.resize(start);
        add(counters_.file_dropped, 1);
        queue_.settle(source, 0, 1);
        return;
    }
    add_to_file(&source, start);
}

/// The record from `start` to the end of `pending_` is complete.
void log_writer::add_to_file(line_source* source, std::size_t start) noexcept {
    try {
        whose_.reserve(whose_.capacity() > whose_.size() ? 0 : 2 * whose_.size() + 64);
        ends_.push_back(pending_.size());
        whose_.push_back(source);  // cannot fail: the two stay of one length
    } catch (const std::exception&) {
        pending_.resize(start);
        add(counters_.file_dropped, 1);
        if (source) queue_.settle(*source, 0, 1);
    }
    if (pending_.size() >= write_size) flush_file();
}

void log_writer::flush_file() noexcept {
    if (ends_.empty()) return;
    std::size_t written = 0;
    try {
        int error = ETIMEDOUT;
        if (now() < stop_at_.load()) {
            const auto wait = [this](int fd, nanoseconds_t since) {
                return !file_stalled_ && wait_writable(fd, after(since, options_.stall));
            };
            const rotating_file::outcome out = file_->write(pending_, ends_, wait);
            written = out.records;
            error = out.error;
            counters_.rotations.store(file_->rotations(), std::memory_order_relaxed);
            for (std::string& text : file_->take_notes()) problems_.push_back(std::move(text));
        }
        if (written > 0) file_stalled_ = false;
        if (error == EAGAIN) file_stalled_ = true;
        settle(written);
        if (error != 0) {
            file_failed(error, ends_.size() - written);
        } else if (outage_ != 0) {
            // For the reader of the file, who else would not know that something is missing.
            const std::string text = "log file: " + count(outage_lost_, "record") +
                                     " not written: " + errno_name(outage_);
            outage_ = 0;
            outage_lost_ = 0;
            pending_.clear();
            ends_.clear();
            whose_.clear();
            append_event(pending_, {severity::warning, wall_clock(), 0, {}, 0, text});
            add_to_file(nullptr, 0);
            return flush_file();
        }
    } catch (...) {  // memory; whatever was not settled yet is lost
        settle(written);
    }
    pending_.clear();
    ends_.clear();
    whose_.clear();
}

/// The first `written` of the pending records were written, the others were not. Idempotent.
void log_writer::settle(std::size_t written) noexcept {
    add(counters_.file_written, std::min(written, whose_.size()));
    add(counters_.file_dropped, whose_.size() - std::min(written, whose_.size()));
    for (std::size_t i = 0; i < whose_.size();) {
        line_source* const source = whose_[i];
        std::uint64_t good = 0, bad = 0;
        for (; i < whose_.size() && whose_[i] == source; ++i) ++(i < written ? good : bad);
        if (source) queue_.settle(*source, good, bad);
    }
    whose_.clear();
}

void log_writer::file_failed(int error, std::uint64_t lost) {
    add(counters_.file_errors, 1);
    counters_.file_errno.store(error, std::memory_order_relaxed);
    outage_ = error;
    outage_lost_ += lost;
    if (!told_.insert(error).second || error == ETIMEDOUT) return;
    if (error == EAGAIN) {
        problems_.push_back("log file: " + file_->path() +
                            ": nobody reads; records are dropped until it takes them again");
        return;
    }
    problems_.push_back(system_failure("write log file", file_->path(), error).message +
                        "; records are dropped until it takes them again");
}

void log_writer::reopen_file() noexcept {
    if (!file_) return;
    flush_file();
    try {
        if (status opened = file_->reopen(); !opened) {
            problems_.push_back("log file: " + opened.error().message);
        }
        file_stalled_ = false;
    } catch (const std::exception&) {
        add(counters_.file_errors, 1);
    }
}

void log_writer::to_console(std::string_view text) noexcept {
    bool taken = false;
    try {
        taken = options_.console(text);
    } catch (...) {  // the writer's failure is the program's; it counts as a refusal
    }
    if (!taken) add(counters_.console_refused, 1);
}

void log_writer::to_syslog(const queued_event& what, std::string_view text) noexcept {
    int error = ENOMEM;
    try {
        const nanoseconds_t until = after(now(), syslog_patience);
        error = syslog_->send(what.level, what.time_ns, text, [&](int fd) {
            return !syslog_stalled_ && now() < until && wait_writable(fd, until);
        });
        syslog_stalled_ = error == EAGAIN;
        if (error != 0 && told_.insert(-error).second) {
            problems_.push_back(system_failure("syslog", syslog_->path(), error).message);
        }
    } catch (const std::exception&) {
    }
    if (error != 0) add(counters_.syslog_dropped, 1);
}

/// Waits until `fd` takes bytes (or has failed: the next write tells), but not beyond `deadline`,
/// nor beyond the end of the service.
bool log_writer::wait_writable(int fd, nanoseconds_t deadline) noexcept {
    for (;;) {
        const nanoseconds_t stop = stop_at_.load();
        const nanoseconds_t limit = std::min(deadline, stop), present = now();
        if (present >= limit) return false;
        pollfd both[2] = {{fd, POLLOUT, 0}, {wake_.get(), POLLIN, 0}};
        // Once stopping is known, the wake-up has done its work and stays readable.
        const nfds_t watched = stop == never ? 2 : 1;
        if (::poll(both, watched, poll_timeout(limit, present)) > 0 && both[0].revents != 0) {
            return true;
        }
    }
}

/// A record of our own making.
void log_writer::tell(severity level, std::string_view message, const line_loss& whose) noexcept {
    handle_event({level, wall_clock(), whose.channel, {}, whose.pid, message});
}

void log_writer::tell_losses(const record_queue::work& work) noexcept {
    try {
        if (work.lost_events != 0) {
            tell(severity::warning,
                 count(work.lost_events, "log record") + " dropped: no room in the log queue");
        }
        for (const line_loss& lost : work.lost_lines) {
            tell(severity::warning,
                 count(lost.lines, "line") + " not logged: no room in the log queue", lost);
        }
    } catch (const std::exception&) {  // the counters have it
    }
}

void log_writer::tell_problems() noexcept {
    // Telling can be the cause of another problem (syslog's), but of no kind twice.
    while (!problems_.empty()) {
        const std::vector<std::string> problems = std::exchange(problems_, {});
        file_silent_ = outage_ != 0;
        for (const std::string& text : problems) tell(severity::warning, text);
        file_silent_ = false;
        flush_file();
    }
}

void log_writer::tell_totals() noexcept {
    const std::uint64_t lost = counters_.file_dropped.load(std::memory_order_relaxed);
    if (lost == 0) return;
    try {
        file_silent_ = true;
        tell(severity::warning,
             "log file: " + file_->path() + ": " + count(lost, "record") + " not written");
    } catch (const std::exception&) {  // the counters have it
    }
}

}  // namespace fd2::logging
