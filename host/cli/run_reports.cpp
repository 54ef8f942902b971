#include "cli/run_reports.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "base/home_process.hpp"
#include "base/plain_text.hpp"
#include "base/system_code.hpp"
#include "base/utc.hpp"
#include "cli/ssh_words.hpp"
#include "cli/whole_file.hpp"

namespace fd2::cli {
namespace {

// How long others may be at report.file. Each holds it for one write.
constexpr nanoseconds_t lock_patience = 2 * second;

class string_out final : public text_out {
  public:
    void put(std::string_view text) noexcept override {
        try {
            if (whole_) text_.append(text);
        } catch (...) {
            whole_ = false;
        }
    }
    bool is_whole() const noexcept { return whole_; }
    const std::string& text() const noexcept { return text_; }

  private:
    std::string text_;
    bool whole_ = true;
};

failure with_advice(failure why) {
    if (!why.advice.empty()) return why;
    if (means_absent(why.sys_errno)) return advise(std::move(why), "create its directory");
    if (means_denied(why.sys_errno))
        return advise(std::move(why), "make it writable, or name another");
    return why;
}

/// 20261129T155634Z
std::string file_time(std::int64_t wall) {
    const utc_time at = utc_of(wall);
    char text[80];
    std::snprintf(text, sizeof text, "%04d%02d%02dT%02d%02d%02dZ", at.year, at.month, at.day,
                  at.hour, at.minute, at.second);
    return text;
}

std::string in_a_name(std::string value) {
    std::replace_if(
        value.begin(), value.end(),
        [](char c) { return c == '/' || static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }, '_');
    if (value.empty()) return "-";
    if (value.front() == '.') value.front() = '_';
    return value;
}

/// What is left behind by one run.
class leaver {
  public:
    leaver(const run_report& report, const settings::loaded& config, const patience& waiting,
           console& watch)
        : report_(report), config_(config), waiting_(waiting), watch_(watch) {}

    void leave(std::span<const std::string_view> tail) {
        const settings::settings& values = config_.values;
        const bool logged = watch_.log() && watch_.log()->takes_documents();
        const bool reported = !values.report.file.empty() && is_reported(values.report.on, report_);
        if (reported || logged) {
            string_out line;
            write_stats(report_, line);
            if (!line.is_whole()) {
                tell("report.file", {errc::resource, system_code::no_memory, "out of memory"});
            } else {
                if (reported) add_line(line.text());
                if (logged) log_run(line.text());
            }
        }
        if (!values.tail.file.empty()) write_tail(tail);
    }

  private:
    void add_line(const std::string& line) {
        const std::string& path = config_.values.report.file;
        if (path == config_.values.log.file) {
            return tell("report.file", same_as("log.file", path));
        }
        patience waiting = waiting_;
        waiting.stall = report_.cut_short ? 0 : lock_patience;
        if (auto good = append_line(path, line, waiting); !good) tell("report.file", good.error());
    }

    void log_run(std::string_view line) {
        line.remove_suffix(1);  // its newline
        event what{severity::info, line, {}, report_.channel, report_.pid};
        if (report_.channel != 0) what.backend = report_.backend;
        watch_.log()->on_document(what, logging::kind::run);
    }

    void write_tail(std::span<const std::string_view> tail) {
        const settings::settings& values = config_.values;
        const std::string path = expand_placeholders(
            values.tail.file,
            {static_cast<pid_t>(process_number()), std::string(command_name(report_.command)),
             remote_host(report_.command), report_.times.started_wall});
        for (const auto& [key, other] : {std::pair{"report.file", &values.report.file},
                                         std::pair{"log.file", &values.log.file}}) {
            if (path == *other) return tell("tail.file", same_as(key, path));
        }
        if (auto good = replace_file(path, tail, 0600); !good) tell("tail.file", good.error());
    }

    static failure same_as(const char* key, const std::string& path) {
        return advise({errc::config, 0, path + " is also " + key}, "give each a file of its own");
    }

    void tell(const std::string& key, const failure& why) {
        failure whole = with_advice(why);
        whole.message =
            key + ": " + whole.message + " (set by " + config_.origin_of(key).text() + ")";
        watch_.on_event({severity::error, text_of(whole), {}, 0, report_.pid});
    }

    const run_report& report_;
    const settings::loaded& config_;
    const patience& waiting_;
    console& watch_;
};

}  // namespace

bool is_reported(settings::report_policy on, const run_report& report) noexcept {
    const end_kind end = report.record ? report.record->end : end_kind::none;
    switch (on) {
        case settings::report_policy::always:
            return true;
        case settings::report_policy::failure:
            return !report.exit.success() || !report.attempts.empty() || report.fell_back ||
                   end == end_kind::error;
        case settings::report_policy::loss:
            return report.forwarded.dropped != 0 || report.forward_errno != 0 ||
                   report.log_lines_lost != 0 ||
                   (report.record && report.record->lines_dropped != 0) || end == end_kind::error ||
                   end == end_kind::stopped;
    }
    return true;
}

std::string expand_placeholders(std::string_view pattern, const path_values& values) {
    std::string out;
    while (!pattern.empty()) {
        const std::size_t at = std::min(pattern.find('%'), pattern.size());
        out += pattern.substr(0, at);
        pattern.remove_prefix(at);
        if (pattern.empty()) break;
        switch (pattern.size() > 1 ? pattern[1] : '\0') {
            case 'p':
                out += std::to_string(values.pid);
                break;
            case 'c':
                out += in_a_name(values.command);
                break;
            case 'h':
                out += in_a_name(values.host.value_or(""));
                break;
            case 't':
                out += file_time(values.started);
                break;
            default:  // the settings let no other one through
                out += '%';
                break;
        }
        pattern.remove_prefix(std::min<std::size_t>(pattern.size(), 2));
    }
    return out;
}

void leave_reports(const run_report& report, const settings::loaded& config,
                   std::span<const std::string_view> tail, const patience& waiting,
                   console& watch) noexcept {
    try {
        leaver(report, config, waiting, watch).leave(tail);
    } catch (...) {
        // Out of memory: a report is lost, nothing else.
    }
}

}  // namespace fd2::cli
