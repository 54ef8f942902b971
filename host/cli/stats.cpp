#include "cli/stats.hpp"

#include <time.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace fd2::cli {

namespace {

using json = nlohmann::ordered_json;

std::string rfc3339(std::int64_t wall) {
    const std::time_t seconds = wall / second;
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    char text[64];
    std::snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%06ldZ", parts.tm_year + 1900,
                  parts.tm_mon + 1, parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec,
                  static_cast<long>(wall % second / microsecond));
    return text;
}

/// Milliseconds since the start, to the microsecond; null for what did not happen.
json since(nanoseconds_t start, nanoseconds_t moment) {
    if (moment == 0) return nullptr;
    return std::round(static_cast<double>(moment - start) / 1e3) / 1e3;
}

json exit_of(exit_status exit) {
    switch (exit.how()) {
        case exit_status::kind::exited:
            return {{"code", exit.code()}};
        case exit_status::kind::signalled:
            return {{"signal", exit.signal()}, {"core", exit.core()}};
        case exit_status::kind::lost:
            return {{"lost_errno", exit.lost_errno()}};
    }
    return nullptr;
}

}  // namespace

std::string stats_json(const run_report& report) {
    json trail = json::array();
    for (const auto& [backend, why] : report.trail) {
        trail.push_back({{"backend", backend},
                         {"code", name_of(why.code)},
                         {"errno", why.sys_errno},
                         {"message", why.message}});
    }
    const capture::snapshot record = report.record.value_or(capture::snapshot{});
    json held_by = nullptr;
    if (report.held_by) {
        held_by = json::array();
        for (const auto& holder : report.held_by->found) {
            held_by.push_back({{"pid", holder.pid}, {"command", holder.command}});
        }
    }
    const json out = {
        {"schema", "fd2.stats/1"},
        {"command", report.command},
        {"transport", report.transport},
        {"flag", report.flag},
        {"backend", report.backend},
        {"medium", report.medium.empty() ? json(nullptr) : json(report.medium)},
        {"fallback", trail},
        {"bytes", record.total_bytes},
        {"lines", record.total_lines},
        {"tail", {{"bytes", record.bytes.size()}, {"offset", record.offset}}},
        {"dropped",
         {{"tail_bytes", record.dropped_bytes()},
          {"warnings", record.lines_dropped},
          {"forward_bytes", report.forwarded.dropped}}},
        {"forwarded_bytes", report.forwarded.forwarded},
        {"end", name_of(record.end)},
        {"end_errno", record.end_errno},
        {"held_by", held_by},
        {"exit", exit_of(report.exit)},
        {"pid", report.pid},
        {"times",
         {{"started", rfc3339(report.times.started_wall)},
          {"first_byte_ms", since(report.times.started, record.first_byte)},
          {"exited_ms", since(report.times.started, report.times.exited)},
          {"finished_ms", since(report.times.started, report.times.finished)}}},
    };
    // Arguments may hold any bytes: what is not UTF-8 is replaced.
    return out.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace fd2::cli
