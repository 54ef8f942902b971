#include "cli/console.hpp"

#include <algorithm>

#include "base/plain_text.hpp"
#include "logging/text.hpp"

namespace fd2::cli {

bool console::write(std::string_view line) noexcept {
    auto* to = to_.load(std::memory_order_acquire);
    return to && to->note(line);
}

status console::open_log(const settings::log_settings& with, std::size_t max_line) {
    if (with.file.empty() && !with.syslog) return {};
    logging::log_options options;
    options.console_level = with.console;
    options.console = [this](std::string_view line) { return write(line); };
    options.file = with.file;
    options.file_level = options.syslog_level = with.level;
    options.max_size = with.max_size;
    options.keep = static_cast<unsigned>(with.keep);
    options.syslog = with.syslog;
    options.when_full = with.when_full == settings::log_full_policy::drop
                            ? logging::when_full::drop
                            : logging::when_full::pause;
    // A chunk, and the line that was held back before it.
    options.delivery_bytes = std::max(options.delivery_bytes, forward::max_chunk + max_line);
    auto made = logging::log_service::open(std::move(options));
    if (!made) return std::move(made).error();
    log_ = std::move(*made);
    return {};
}

void console::on_event(const event& what) noexcept {
    if (log_) {
        log_->on_event(what);
        return;
    }
    if (!level_ || what.level < *level_) return;
    try {
        std::string line = "fd2: ";
        line += logging::name_of(what.level);
        line += ": ";
        append_plain(line, what.message);
        line += '\n';
        write(line);
    } catch (...) {
        // Out of memory: a message is lost, nothing else.
    }
}

}  // namespace fd2::cli
