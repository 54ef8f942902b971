#include "logging/log_service.hpp"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "logging/log_writer.hpp"
#include "logging/record_queue.hpp"

namespace fd2::logging {
namespace {

/// The lowest level that any target takes, nullopt when there is no target.
std::optional<severity> lowest_level(const log_options& options) noexcept {
    std::optional<severity> lowest;
    const auto consider = [&](severity level) { lowest = std::min(lowest.value_or(level), level); };
    if (options.console && options.console_level) consider(*options.console_level);
    if (!options.file.empty()) consider(options.file_level);
    if (options.syslog) consider(options.syslog_level);
    return lowest;
}

record_queue::bounds bounds_of(const log_options& options) noexcept {
    return {options.queue_bytes, options.queue_records, options.delivery_bytes, options.when_full,
            !options.file.empty()};
}

}  // namespace

class log_service::impl {
  public:
    explicit impl(log_options chosen)
        : options(std::move(chosen)),
          lowest(lowest_level(options)),
          queue(std::make_shared<record_queue>(bounds_of(options))),
          writer(options, *queue) {}

    ~impl() {
        if (!thread.joinable()) return;
        writer.stop_by(after(now(), options.flush));
        queue->stop();
        thread.join();
    }

    /// The thread is born with every signal blocked, so that none is ever delivered to it.
    void start() {
        sigset_t all, before;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before);
        try {
            thread = std::thread([this] {
                ::pthread_setname_np(::pthread_self(), "fd2-log");
                writer.run();
            });
        } catch (...) {
            ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
            throw;
        }
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }

    const log_options options;
    const std::optional<severity> lowest;
    const std::shared_ptr<record_queue> queue;  // sinks may outlive the service
    log_writer writer;
    std::thread thread;
};

log_service::log_service(std::unique_ptr<impl> made) noexcept : impl_(std::move(made)) {}

log_service::~log_service() = default;

result<std::unique_ptr<log_service>> log_service::open(log_options options) {
    try {
        auto made = std::make_unique<impl>(std::move(options));
        if (status prepared = made->writer.prepare(); !prepared) {
            return std::move(prepared).error();
        }
        made->start();
        return std::unique_ptr<log_service>(new log_service(std::move(made)));
    } catch (const std::bad_alloc&) {
        // Short enough for a string that allocates nothing.
        return failure{errc::resource, ENOMEM, "log: no memory"};
    } catch (const std::system_error& why) {
        return system_failure("start thread", "fd2-log", why.code().value());
    }
}

void log_service::on_event(const event& what) noexcept {
    if (impl_->lowest && what.level >= *impl_->lowest) impl_->queue->push(what);
}

std::unique_ptr<line_sink> log_service::open_lines(std::function<void()> on_room) {
    // The source first: a sink that cannot be made leaves one that is closed again.
    line_source* const source = impl_->queue->add_source(std::move(on_room));
    try {
        return std::unique_ptr<line_sink>(new line_sink(impl_->queue, source));
    } catch (...) {
        impl_->queue->close(*source);
        throw;
    }
}

void log_service::reopen() noexcept {
    impl_->queue->request_reopen();
}

bool log_service::flush(nanoseconds_t deadline) noexcept {
    return impl_->queue->wait_settled(deadline);
}

log_stats log_service::stats() const noexcept {
    const writer_counters& from = impl_->writer.counters();
    const auto get = [](const auto& counter) { return counter.load(std::memory_order_relaxed); };
    log_stats out;
    out.events_offered = impl_->queue->events_offered();
    out.events_dropped = impl_->queue->events_dropped() + get(from.events_lost);
    out.events_refused = get(from.events_refused);
    out.console_refused = get(from.console_refused);
    out.syslog_dropped = get(from.syslog_dropped);
    out.file_written = get(from.file_written);
    out.file_dropped = get(from.file_dropped);
    out.file_errors = get(from.file_errors);
    out.file_errno = get(from.file_errno);
    out.rotations = get(from.rotations);
    return out;
}

}  // namespace fd2::logging
