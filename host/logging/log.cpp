#include "logging/log.hpp"

#include <algorithm>
#include <exception>
#include <new>
#include <system_error>
#include <utility>

#include "base/signal_mask.hpp"
#include "base/system_code.hpp"
#include "logging/format.hpp"

namespace fd2::logging {
namespace {

constexpr std::size_t write_size = 64U << 10;  // one write(2) carries about so much
constexpr const char* queue_full = ": the log queue was full";
constexpr nanoseconds_t syslog_patience = 200 * millisecond;

std::string count(std::uint64_t number, std::string_view thing) {
    return std::to_string(number) + ' ' + std::string(thing) + (number == 1 ? " was" : "s were");
}

}  // namespace

log::log(log_options&& options)
    : options_(std::move(options)),
      queue_(std::make_shared<queue>(queue::limits{options_.queue_bytes, options_.delivery_bytes,
                                                   options_.pause_when_full,
                                                   !options_.file.empty()})) {}

void log::close() noexcept {
    if (!thread_.joinable()) return;
    stop_by(after(now(), options_.flush));
    queue_->stop();
    thread_.join();
}

result<std::unique_ptr<log>> log::open(log_options options) {
    try {
        std::unique_ptr<log> made(new log(std::move(options)));
        if (status prepared = made->prepare(); !prepared) return std::move(prepared).error();
        made->start();
        return made;
    } catch (const std::bad_alloc&) {
        // Short enough for a string that allocates nothing.
        return failure{errc::resource, system_code::no_memory, "log: no memory"};
    } catch (const std::system_error& why) {
        return system_failure("start thread", "fd2-log", why.code().value());
    }
}

status log::prepare() {
    if (status good = stop_.prepare(); !good) return good;
    if (!options_.file.empty()) {
        auto opened = log_file::open(options_.file, options_.max_size, options_.keep);
        if (!opened) return std::move(opened).error();
        file_.emplace(std::move(opened).value());
        pending_.reserve(write_size + write_size / 4);
    }
    if (!options_.syslog.empty()) syslog_.emplace(options_.syslog);
    return {};
}

void log::start() {
    const signals_blocked none_for_the_thread;
    thread_ = std::thread([this] {
        name_this_thread("fd2-log");
        run();
    });
}

void log::stop_by(nanoseconds_t deadline) noexcept {
    stop_at_.store(deadline);
    stop_.set();
}

void log::on_event(const event& what) noexcept {
    if (what.level >= options_.level && (file_ || syslog_)) queue_->push(what);
}

std::shared_ptr<queue> log::open_lines(std::function<void()> resume) noexcept {
    queue_->open_lines(std::move(resume));
    return queue_;
}

void log::settle(nanoseconds_t deadline) noexcept {
    if (queue_->wait_settled(deadline)) return;
    stop_by(now());
    queue_->wait_settled(after(now(), options_.flush));
}

void log::run() noexcept {
    for (bool last = false; !last;) {
        queue::work work = queue_->take();
        last = work.stopped && work.records.empty();
        while (!work.records.empty()) {
            handle(work.records.front());
            flush_file();
            queue_->release(work.records);
            queue_->call_paused();
        }
        tell_losses(work);
        flush_file();
        tell_problems();
        queue_->call_paused();
        queue_->mark_settled();
    }
    tell_totals();
    events_.reset();
}

void log::handle(const queue::block& block) noexcept {
    record next;
    for (std::size_t at = 0; queue::next(block, at, next);) {
        if (next.is_line) {
            handle_line(next.line);
        } else if (next.what != kind::event) {
            handle_document(next.said, next.what, next.time);
        } else {
            handle_event(next.said, next.time);
        }
    }
}

void log::handle_event(const event& what, std::int64_t time, unsigned targets) noexcept {
    if (pending_lines_) flush_file();
    const std::size_t start = pending_.size();
    try {
        if (!events_) {
            event_records::writer file, syslog;
            if (file_) file = [this](std::string_view text) { pending_ += text; };
            if (syslog_) syslog = [this](std::string_view text) { to_syslog_socket(text); };
            events_ =
                std::make_unique<event_records>(options_.level, std::move(file), std::move(syslog));
        }
        events_->write(what, time, targets);
    } catch (...) {  // memory
        pending_.resize(start);
        return lose_record(false);
    }
    if (pending_.size() != start) add_to_file(start, false);
}

void log::handle_document(const event& what, kind of, std::int64_t time) noexcept {
    if (pending_lines_) flush_file();
    const std::size_t start = pending_.size();
    try {
        append_document(pending_, what, of, time);
    } catch (const std::exception&) {
        pending_.resize(start);
        return lose_record(false);
    }
    add_to_file(start, false);
}

void log::handle_line(const line_view& line) noexcept {
    if (!pending_lines_) flush_file();
    const std::size_t start = pending_.size();
    try {
        append_line(pending_, line, *queue_->origin());
    } catch (const std::exception&) {
        pending_.resize(start);
        return lose_record(true);
    }
    add_to_file(start, true);
}

void log::lose_record(bool line) noexcept {
    ++lost_;
    if (line) queue_->settle(0, 1);
}

/// The record from `start` to the end of `pending_` is complete. All that is pending is of its
/// kind.
void log::add_to_file(std::size_t start, bool line) noexcept {
    try {
        ends_.push_back(pending_.size());
        pending_lines_ = line;
    } catch (const std::exception&) {
        pending_.resize(start);
        return lose_record(line);
    }
    if (pending_.size() >= write_size) flush_file();
}

void log::flush_file() noexcept {
    if (ends_.empty()) return;
    log_file::outcome out;
    try {
        if (now() < stop_at_.load()) {
            const auto wait = [this](int fd, nanoseconds_t since) {
                return !file_stalled_ && wait_writable(fd, after(since, options_.stall));
            };
            file_->write(pending_, ends_, wait, out);
            for (std::string& text : file_->take_notes()) problems_.push_back(std::move(text));
        } else {
            out.error = system_code::timed_out;
        }
    } catch (const std::exception&) {
        if (out.records < ends_.size()) out.error = system_code::no_memory;
    }
    const std::size_t lost = ends_.size() - out.records;
    lost_ += lost;
    if (pending_lines_) queue_->settle(out.records, lost);
    pending_.clear();
    ends_.clear();
    if (out.records > 0) file_stalled_ = false;
    if (out.error == system_code::would_block) file_stalled_ = true;
    try {
        if (out.error != 0) return file_failed(out.error, lost);
        if (outage_ == 0) return;
        // For the reader of the file, who else would not know that something is missing.
        const std::string text = "log file: " + count(std::exchange(outage_lost_, 0), "record") +
                                 " not written: " + errno_name(std::exchange(outage_, 0));
        handle_event({severity::warning, text}, wall_clock(), to_file);
        flush_file();
    } catch (const std::exception&) {  // the counts have it
    }
}

void log::file_failed(int error, std::uint64_t lost) {
    file_errno_ = outage_ = error;
    outage_lost_ += lost;
    if (!told_.insert(error).second || error == system_code::timed_out) return;
    constexpr std::string_view until = "; records are dropped until it can be written again";
    problems_.push_back((error == system_code::would_block
                             ? "log file: " + file_->path() + ": no one is reading"
                             : system_failure("write log file", file_->path(), error).message)
                            .append(until));
}

void log::to_syslog_socket(std::string_view datagram) noexcept {
    try {
        const nanoseconds_t until = after(now(), syslog_patience);
        const int error = syslog_->send(datagram, [&](int fd) {
            return !syslog_stalled_ && now() < until && wait_writable(fd, until);
        });
        syslog_stalled_ = error == system_code::would_block;
        if (error != 0 && told_.insert(-error).second) {
            problems_.push_back(system_failure("syslog", syslog_->path(), error).message);
        }
    } catch (const std::exception&) {
    }
}

/// Waits until `fd` takes bytes (or has failed: the next write tells), but not beyond `deadline`,
/// nor beyond the end of the log.
bool log::wait_writable(int fd, nanoseconds_t deadline) noexcept {
    for (;;) {
        const nanoseconds_t stop = stop_at_.load();
        const nanoseconds_t limit = std::min(deadline, stop), present = now();
        if (present >= limit) return false;
        // Once stopping is known, the signal has done its work and stays set.
        if (stop_.wait_writable(fd, stop == never, poll_timeout(limit, present))) return true;
    }
}

/// A message of the log's own: it also goes to log_options::report.
void log::tell(const event& what, unsigned targets) noexcept {
    if (options_.report) options_.report(what);
    handle_event(what, wall_clock(), targets);
}

void log::tell_losses(const queue::work& work) noexcept {
    try {
        if (work.lost_events != 0) {
            tell({severity::warning,
                  count(work.lost_events, "log record") + " dropped" + queue_full});
        }
        if (work.lost_lines != 0) {
            const line_origin& whose = *queue_->origin();
            tell({severity::warning,
                  count(work.lost_lines, "line") + " not logged" + queue_full,
                  {},
                  whose.channel,
                  whose.pid()});
        }
    } catch (const std::exception&) {  // the counts have it
    }
}

void log::tell_problems() noexcept {
    // Telling can be the cause of another problem (syslog's), but of no kind twice.
    while (!problems_.empty()) {
        // What is wrong with the file is no news for it.
        const unsigned targets = outage_ != 0 ? to_syslog : to_file | to_syslog;
        for (const std::string& text : std::exchange(problems_, {})) {
            tell({severity::warning, text}, targets);
        }
        flush_file();
    }
}

void log::tell_totals() noexcept {
    const std::uint64_t lost = lost_ + queue_->dropped();
    if (!file_ || lost == 0) return;
    try {
        const std::string why = file_errno_ != 0 ? ": " + errno_name(file_errno_) : queue_full;
        tell({severity::error,
              "log file: " + file_->path() + ": " + count(lost, "record") + " not written" + why},
             to_syslog);
    } catch (const std::exception&) {  // the counts have it
    }
}

}  // namespace fd2::logging
