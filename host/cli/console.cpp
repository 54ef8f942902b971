#include "cli/console.hpp"

#include <algorithm>

#include "base/plain_text.hpp"
#include "base/severity.hpp"
#include "cli/screen.hpp"
#include "process/standard_fds.hpp"

namespace fd2::cli {

void console::write(std::string_view line) noexcept {
    if (auto* out = forwarder_.load(std::memory_order_acquire)) out->note(line);
}

status console::open_log(const settings::log_settings& config, std::size_t max_line) {
    if (config.file.empty() && !config.syslog) return {};
    logging::log_options options;
    options.report = [this](const event& what) { show(what); };
    options.file = config.file;
    options.max_size = config.max_size;
    options.keep = static_cast<unsigned>(config.keep);
    if (config.syslog) options.syslog = "/dev/log";
    options.level = config.level;
    options.pause_when_full = config.when_full == settings::log_full_policy::pause;
    // A chunk, and the line that was held back before it.
    options.delivery_bytes = std::max(options.delivery_bytes, forward::max_chunk + max_line);
    auto made = logging::log::open(std::move(options));
    if (!made) return std::move(made).error();
    log_ = std::move(*made);
    return {};
}

void console::show(const event& what) noexcept {
    if (level_ && what.level >= *level_) print(what);
}

void console::on_event(const event& what) noexcept {
    show(what);
    if (log_) log_->on_event(what);
}

void console::announce(const event& what) noexcept {
    if (level_) print(what);
    if (log_) log_->on_event(what);
}

void console::last_words(std::string_view message) noexcept {
    try {
        print("fd2: ", message);
    } catch (...) {
    }
    if (log_) log_->on_event({severity::error, message});
}

void console::print(const event& what) noexcept {
    try {
        print("fd2: " + std::string(name_of(what.level)) + ": ", what.message);
    } catch (...) {
        // Out of memory: a message is lost, nothing else.
    }
}

void console::print(std::string line, std::string_view message) {
    constexpr std::size_t indent = std::string_view("fd2: ").size();  // as `complain` has it
    append_wrapped(line, plain(message), width_of(process::standard_descriptor(2)), line.size(),
                   indent);
    line += '\n';
    write(line);
}

}  // namespace fd2::cli
