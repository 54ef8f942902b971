#include "cli/report/summary.hpp"

#include <fd2/exit_status.hpp>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <ctime>
#include <nlohmann/json.hpp>

#include "cli/ssh_words.hpp"
#include "settings/quantity.hpp"

namespace fd2::cli::reports {
namespace {

using nlohmann::json;

constexpr double longest_run = 1e9;  // s; what is beyond is no time

}  // namespace

exit_status read_exit(const json& exit) {
    if (exit.contains("code")) return exit_status::exited(exit.at("code").get<int>());
    if (exit.contains("signal")) {
        return exit_status::signalled(exit.at("signal").get<int>(), exit.at("core").get<bool>());
    }
    return exit_status::lost(exit.at("lost_errno").get<int>());
}

namespace {

std::string text_or_empty(const json& value) {
    return value.is_null() ? std::string() : value.get<std::string>();
}

std::string read_rule(const json& rule) {
    if (rule.is_null()) return {};
    const std::string name = text_or_empty(rule.at("name"));
    return (name.empty() ? "rule" : "rule \"" + name + '"') + " (" +
           rule.at("file").get<std::string>() + ':' +
           std::to_string(rule.at("line").get<std::uint64_t>()) + ')';
}

/// Throws what nlohmann does where a member is missing or has another type.
run read_report(const json& report) {
    run out;
    const auto words = report.at("command").get<std::vector<std::string>>();
    out.command = command_name(words);
    out.host = remote_host(words);
    out.backend = report.at("backend").get<std::string>();
    out.not_captured = text_or_empty(report.at("inherit_reason"));
    for (const json& one : report.at("fallback")) {
        out.refused.push_back({one.at("backend").get<std::string>(),
                               one.at("code").get<std::string>(),
                               one.at("message").get<std::string>()});
    }
    out.rule = read_rule(report.at("rule"));
    out.flag = report.at("flag").get<bool>();
    out.flag_origin = report.at("flag_origin").get<std::string>();
    const exit_status exit = read_exit(report.at("exit"));
    out.how = text_of(exit);
    out.failed = !exit.success();
    // Older reports have none.
    const auto cause = report.find("cause");
    if (cause != report.end() && cause->is_object())
        out.cause = cause->at("class").get<std::string>();
    out.bytes = report.at("bytes").get<std::uint64_t>();
    out.lines = report.at("lines").get<std::uint64_t>();
    const json& dropped = report.at("dropped");
    out.lost_bytes = dropped.at("forward_bytes").get<std::uint64_t>();
    out.lost_log_lines = dropped.at("log_lines").get<std::uint64_t>();
    out.lost_lines = dropped.at("warnings").get<std::uint64_t>();
    const auto end = report.at("end").get<std::string>();
    out.cut = end == "error" || end == "stopped";
    out.forward_failed = report.at("forward_errno").get<int>() != 0;
    const json& times = report.at("times");
    const auto started = parse_time(times.at("started").get<std::string>());
    if (!started) throw json::other_error::create(501, "times.started", &times);
    out.started = *started;
    const json& exited = times.at("exited_ms");
    if (!exited.is_null()) out.seconds = std::clamp(exited.get<double>() / 1000, 0.0, longest_run);
    return out;
}

bool is_text(const json& object, const char* member) {
    const auto found = object.find(member);
    return found != object.end() && found->is_string();
}

bool says(const json& object, const char* member, std::string_view text) {
    return is_text(object, member) && object.at(member).get_ref<const std::string&>() == text;
}

/// A number of exactly `digits` digits at the beginning of `text`, which it is taken from.
bool take_number(std::string_view& text, std::size_t digits, int& out) {
    if (text.size() < digits) return false;
    const char* const end = text.data() + digits;
    if (std::from_chars(text.data(), end, out).ptr != end || out < 0) return false;
    text.remove_prefix(digits);
    return true;
}

bool take(std::string_view& text, char c) {
    if (text.empty() || text.front() != c) return false;
    text.remove_prefix(1);
    return true;
}

}  // namespace

line_kind take_apart(std::string_view line, json& out) {
    json whole = json::parse(line, nullptr, false);
    if (whole.is_discarded()) return line_kind::damaged;
    if (!whole.is_object()) return line_kind::foreign;
    if (is_text(whole, "time") && !whole.contains("schema")) {
        if (!says(whole, "kind", "run")) {
            const bool ours = says(whole, "kind", "line") || is_text(whole, "message");
            out = std::move(whole);
            return ours ? line_kind::logged : line_kind::foreign;
        }
        const auto inside = whole.find("report");
        if (inside == whole.end() || !inside->is_object()) return line_kind::damaged;
        whole = json(std::move(*inside));
    }
    if (!says(whole, "schema", "fd2.stats/1")) return line_kind::foreign;
    out = std::move(whole);
    return line_kind::report;
}

line_kind read_line(std::string_view line, run& out) {
    json report;
    if (const auto kind = take_apart(line, report); kind != line_kind::report) return kind;
    try {
        out = read_report(report);
    } catch (const json::exception&) {
        return line_kind::damaged;
    }
    return line_kind::report;
}

void group::add(const run& one) noexcept {
    ++runs;
    failed += one.failed ? 1 : 0;
    with_loss += one.has_loss() ? 1 : 0;
    seconds += one.seconds;
}

void summary::add(const run& one) {
    first = all.runs == 0 ? one.started : std::min(first, one.started);
    last = all.runs == 0 ? one.started : std::max(last, one.started);
    all.add(one);
    commands[{one.command}].add(one);
    if (one.host) hosts[{*one.host}].add(one);
    ++backends[{one.command, one.backend}];
    if (one.failed) ++failures[{one.command, one.how}];
    if (!one.cause.empty()) ++causes[{one.command, one.cause}];
    with_fallback += one.refused.empty() ? 0 : 1;
    for (const refusal& each : one.refused) {
        ++refusals[{each.backend, each.code, each.message}];
        ++refused_backends[{each.backend}];
    }
    if (!one.not_captured.empty()) ++not_captured[{one.not_captured}];
    if (!one.rule.empty()) ++rules[{one.rule}];
    ++flags[{one.flag ? "on" : "off", one.flag_origin}];
    bytes += one.bytes;
    lines += one.lines;
    lost_bytes.add(one.lost_bytes);
    lost_log_lines.add(one.lost_log_lines);
    lost_lines.add(one.lost_lines);
    cut.add(one.cut ? 1 : 0);
    if (slowest.size() == most_slowest && one.seconds <= slowest.back().seconds) return;
    // Behind those that took as long.
    const auto slower = [](const run& left, const run& right) {
        return left.seconds > right.seconds;
    };
    slowest.insert(std::upper_bound(slowest.begin(), slowest.end(), one, slower), one);
    if (slowest.size() > most_slowest) slowest.pop_back();
}

void summary::pass_over(line_kind what, const std::string& file, std::uint64_t line) {
    if (what == line_kind::logged) {
        ++logged;
        return;
    }
    ++(what == line_kind::damaged ? damaged : foreign);
    if (!first_bad) first_bad = place{file, line};
}

std::optional<std::int64_t> parse_time(std::string_view text) {
    std::tm parts{};
    std::int64_t fraction = 0;
    if (!take_number(text, 4, parts.tm_year) || !take(text, '-') ||
        !take_number(text, 2, parts.tm_mon) || !take(text, '-') ||
        !take_number(text, 2, parts.tm_mday)) {
        return std::nullopt;
    }
    if (take(text, 'T') || take(text, ' ')) {
        if (!take_number(text, 2, parts.tm_hour) || !take(text, ':') ||
            !take_number(text, 2, parts.tm_min)) {
            return std::nullopt;
        }
        if (take(text, ':')) {
            if (!take_number(text, 2, parts.tm_sec)) return std::nullopt;
            if (take(text, '.')) {
                int digit = 0;
                std::int64_t unit = second;
                if (!take_number(text, 1, digit)) return std::nullopt;
                do fraction += digit * (unit /= 10);
                while (take_number(text, 1, digit));
            }
        }
        take(text, 'Z');
    }
    if (!text.empty() || parts.tm_mon < 1 || parts.tm_mon > 12 || parts.tm_mday < 1 ||
        parts.tm_mday > 31 || parts.tm_hour > 23 || parts.tm_min > 59 || parts.tm_sec > 60 ||
        parts.tm_year < 1970 || parts.tm_year > 2261) {
        return std::nullopt;
    }
    // A day that the month does not have is one of the next month's.
    const std::chrono::sys_days first = std::chrono::year(parts.tm_year) /
                                        std::chrono::month(static_cast<unsigned>(parts.tm_mon)) / 1;
    const std::int64_t days = first.time_since_epoch().count() + parts.tm_mday - 1;
    const std::int64_t seconds =
        ((days * 24 + parts.tm_hour) * 60 + parts.tm_min) * 60 + parts.tm_sec;
    return seconds * second + fraction;
}

std::optional<std::int64_t> parse_since(std::string_view text, std::int64_t present) {
    if (const auto time = parse_time(text)) return time;
    std::int64_t length = 0;
    int days = 0;
    if (text.ends_with('d') && text.size() >= 2 && text.size() <= 6 &&
        take_number(text, text.size() - 1, days)) {
        length = std::int64_t{days} * 24 * 3600 * second;
    } else if (const auto read = settings::parse_duration(text); read.value) {
        length = *read.value;
    } else {
        return std::nullopt;
    }
    return length > present ? 0 : present - length;
}

}  // namespace fd2::cli::reports
