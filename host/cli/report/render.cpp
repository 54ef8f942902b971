#include "cli/report/render.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>
#include <utility>

#include "base/plain_text.hpp"
#include "base/text_list.hpp"
#include "cli/json_out.hpp"
#include "cli/page.hpp"
#include "logging/format.hpp"

namespace fd2::cli::reports {
namespace {

using nlohmann::ordered_json;

std::string time_of(std::int64_t wall) {
    std::string out;
    logging::append_time(out, wall);
    return out;
}

std::uint64_t weight(std::uint64_t count) noexcept {
    return count;
}
std::uint64_t weight(const group& rows) noexcept {
    return rows.runs;
}

template <class Row>
using sorted = std::vector<std::pair<key, Row>>;

/// The rows, those of most runs first.
template <class Row>
sorted<Row> by_weight(const table<Row>& rows) {
    sorted<Row> out(rows.rows().begin(), rows.rows().end());
    std::stable_sort(out.begin(), out.end(), [](const auto& left, const auto& right) {
        return weight(left.second) > weight(right.second);
    });
    return out;
}

// --- for people

constexpr std::size_t most_rows = 10;

/// 0.9 ms, 12.3 s, 3 min 2 s, 5 h 7 min
std::string length_of(double seconds) {
    std::array<char, 64> text{};
    const auto whole = static_cast<long long>(seconds);
    if (seconds < 1) {
        std::snprintf(text.data(), text.size(), "%.1f ms", seconds * 1000);
    } else if (seconds < 60) {
        std::snprintf(text.data(), text.size(), "%.1f s", seconds);
    } else if (seconds < 3600) {
        std::snprintf(text.data(), text.size(), "%lld min %lld s", whole / 60, whole % 60);
    } else {
        std::snprintf(text.data(), text.size(), "%lld h %lld min", whole / 3600, whole / 60 % 60);
    }
    return text.data();
}

std::string short_time(std::int64_t wall) {
    return time_of(wall).substr(0, std::string_view("2026-11-29T15:56:34").size()) + 'Z';
}

class tables : public page {
  public:
    using page::page;

    /// A table of counts, with the parts of the keys as columns. `format`: of the last one.
    void counts(const table<std::uint64_t>& counted, cells titles,
                const std::function<cells(const key&)>& format) {
        std::vector<cells> out{std::move(titles)};
        std::uint64_t rest = counted.other();
        std::size_t kinds = 0;
        for (const auto& [which, count] : by_weight(counted)) {
            if (out.size() > most_rows) {
                rest += count;
                ++kinds;
                continue;
            }
            cells row = format(which);
            row.insert(row.begin(), std::to_string(count));
            out.push_back(std::move(row));
        }
        rows(out, 1);
        more(rest, kinds, counted.other() != 0);
    }

    void groups(const table<group>& grouped, const char* title) {
        std::vector<cells> out{{"RUNS", "FAILED", "LOSSY", "MEAN", title}};
        std::uint64_t rest = grouped.other().runs;
        std::size_t kinds = 0;
        for (const auto& [which, sum] : by_weight(grouped)) {
            if (out.size() > most_rows) {
                rest += sum.runs;
                ++kinds;
                continue;
            }
            out.push_back({std::to_string(sum.runs), std::to_string(sum.failed),
                           std::to_string(sum.with_loss),
                           length_of(sum.seconds / static_cast<double>(sum.runs)), which[0]});
        }
        rows(out, 4);
        more(rest, kinds, grouped.other().runs != 0);
    }

  private:
    void more(std::uint64_t rest, std::size_t kinds, bool uncounted) {
        if (rest == 0) return;
        line("  and " + std::to_string(rest) + " in " + (uncounted ? "more than " : "") +
             count_of(uncounted ? table<group>::limit - most_rows : kinds, "other"));
    }

    screen shown_;
    std::string text_;
};

std::string share(std::uint64_t part, std::uint64_t whole) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), "%.1f",
                  100.0 * static_cast<double>(part) / static_cast<double>(whole));
    return count_of(part, "run") + " (" + text.data() + " %)";
}

void tell_extent(const summary& all, const question& asked, page& out) {
    out.line(join(asked.files, ", ") + ": " + count_of(all.all.runs, "run"), ink::bold);
    if (all.all.runs != 0) {
        out.line("started from " + short_time(all.first) + " to " + short_time(all.last));
    }
    if (asked.since) {
        out.line("since " + short_time(*asked.since) + "; " + count_of(all.earlier, "run") +
                 " before that");
    }
    if (!all.first_bad) return;
    std::vector<std::string> kinds;
    if (all.damaged != 0) kinds.push_back(count_of(all.damaged, "damaged line"));
    if (all.foreign != 0) kinds.push_back(count_of(all.foreign, "other line"));
    out.line(join(kinds, ", ") + " skipped, the first is line " +
                 std::to_string(all.first_bad->line) + " of " + all.first_bad->file,
             ink::yellow);
}

void tell_losses(const summary& all, page& out) {
    if (all.all.with_loss == 0) return;
    out.heading("Losses: " + share(all.all.with_loss, all.all.runs));
    std::vector<page::cells> rows{{"RUNS", "LOST", "WHAT"}};
    const auto add = [&rows](const loss& lost, bool amount, const char* what) {
        if (lost.runs == 0) return;
        rows.push_back(
            {std::to_string(lost.runs), amount ? std::to_string(lost.amount) : "-", what});
    };
    add(all.lost_bytes, true, "bytes not delivered to fd2's stderr");
    add(all.lost_log_lines, true, "lines missing from the log file");
    add(all.lost_lines, true, "lines that did not fit into a subscriber's queue");
    add(all.cut, false, "stderr could not be read to its end");
    out.rows(rows, 2);
}

void tell_slowest(const summary& all, page& out) {
    out.heading("Slowest");
    std::vector<page::cells> rows{{"TIME", "COMMAND", "HOST", "STARTED", "HOW IT ENDED"}};
    for (const run& one : all.slowest) {
        rows.push_back({length_of(one.seconds), cell(one.command), cell(one.host.value_or("-")),
                        short_time(one.started), one.how});
    }
    out.rows(rows, 1);
}

// --- for programs

ordered_json time_or_null(bool there, std::int64_t wall) {
    return there ? ordered_json(time_of(wall)) : ordered_json(nullptr);
}

/// Each row with the parts of its key under these names.
ordered_json counts_json(const table<std::uint64_t>& rows, const std::vector<const char*>& names,
                         const char* count) {
    ordered_json out = ordered_json::array();
    for (const auto& [which, number] : by_weight(rows)) {
        ordered_json row;
        for (std::size_t i = 0; i < names.size(); ++i) row[names[i]] = which[i];
        row[count] = number;
        out.push_back(std::move(row));
    }
    return out;
}

ordered_json groups_json(const table<group>& rows, const char* name) {
    ordered_json out = ordered_json::array();
    for (const auto& [which, sum] : by_weight(rows)) {
        out.push_back({{name, which[0]},
                       {"runs", sum.runs},
                       {"failed", sum.failed},
                       {"with_loss", sum.with_loss},
                       {"seconds", sum.seconds}});
    }
    return out;
}

// --- for Prometheus

class exposition {
  public:
    void metric(const char* name, const char* type, const char* help) {
        name_ = name;
        out_ << "# HELP " << name << ' ' << help << "\n# TYPE " << name << ' ' << type << '\n';
    }

    using labels = std::vector<std::pair<const char*, std::string>>;

    template <class Number>
    void sample(const labels& with, Number number) {
        out_ << name_;
        for (std::size_t i = 0; i < with.size(); ++i) {
            out_ << (i == 0 ? '{' : ',') << with[i].first << "=\"" << escaped(with[i].second)
                 << '"';
        }
        out_ << (with.empty() ? " " : "} ");
        number_out(number);
        out_ << '\n';
    }

    std::string take() const { return out_.str(); }

  private:
    static std::string escaped(const std::string& value) {
        std::string out;
        for (const char c : value) {
            if (c == '\n') {
                out += "\\n";
                continue;
            }
            if (c == '\\' || c == '"') out += '\\';
            out += c;
        }
        return out;
    }
    void number_out(std::uint64_t number) { out_ << number; }
    void number_out(double number) {
        std::array<char, 64> text{};
        std::snprintf(text.data(), text.size(), "%.6f", number);
        out_ << text.data();
    }

    std::string name_;
    std::ostringstream out_;
};

/// What stands for the rows that a full table had no place for.
constexpr const char* others = "(other)";

}  // namespace

std::string as_text(const summary& all, const question& asked, const screen& shown) {
    tables out(shown);
    tell_extent(all, asked, out);
    if (all.all.runs == 0) return out.take();
    if (all.all.failed != 0) {
        out.heading("Failures: " + share(all.all.failed, all.all.runs));
        out.counts(all.failures, {"RUNS", "COMMAND", "HOW IT ENDED"}, [](const key& which) {
            return page::cells{cell(which[0]), which[1]};
        });
    }
    if (!all.causes.rows().empty()) {
        out.heading("Causes of failures");
        out.counts(all.causes, {"RUNS", "COMMAND", "CAUSE"}, [](const key& which) {
            return page::cells{cell(which[0]), which[1]};
        });
    }
    if (all.with_fallback != 0) {
        out.heading("Backends that were not used: " + share(all.with_fallback, all.all.runs));
        out.counts(all.refusals, {"TIMES", "BACKEND", "WHY"}, [](const key& which) {
            return page::cells{cell(which[0]), which[1] + ": " + which[2]};
        });
    }
    if (!all.not_captured.rows().empty()) {
        out.heading("Nothing captured");
        out.counts(all.not_captured, {"RUNS", "WHY"},
                   [](const key& which) { return page::cells{which[0]}; });
    }
    tell_losses(all, out);
    out.heading("Flag and rules");
    table<std::uint64_t> in_force;
    for (const auto& [which, count] : all.flags.rows()) {
        in_force[{"features.ssh-socketpair-stderr " + which[0] + " (" + which[1] + ")"}] += count;
    }
    for (const auto& [which, count] : all.rules.rows()) in_force[which] += count;
    if (const auto rest = all.flags.other() + all.rules.other(); rest != 0) {
        in_force[{"(others)"}] += rest;
    }
    out.counts(in_force, {"RUNS", "IN FORCE"},
               [](const key& which) { return page::cells{which[0]}; });
    tell_slowest(all, out);
    out.heading("By command");
    out.groups(all.commands, "COMMAND");
    if (!all.hosts.rows().empty()) {
        out.heading("By remote host");
        out.groups(all.hosts, "HOST");
    }
    return out.take();
}

std::string as_json(const summary& all, const question& asked) {
    const bool any = all.all.runs != 0;
    ordered_json slowest = ordered_json::array();
    for (const run& one : all.slowest) {
        slowest.push_back({{"seconds", one.seconds},
                           {"command", one.command},
                           {"host", text_or_null(one.host.value_or(""))},
                           {"started", time_of(one.started)},
                           {"how", one.how}});
    }
    const auto lost = [](const loss& what, const char* name) -> ordered_json {
        return {{"runs", what.runs}, {name, what.amount}};
    };
    ordered_json passed{
        {"damaged", all.damaged}, {"foreign", all.foreign}, {"log_records", all.logged}};
    passed["first"] = nullptr;
    if (all.first_bad) {
        passed["first"] = {{"file", all.first_bad->file}, {"line", all.first_bad->line}};
    }
    const ordered_json out{
        {"schema", "fd2.report/1"},
        {"files", asked.files},
        {"since", time_or_null(asked.since.has_value(), asked.since.value_or(0))},
        {"earlier_runs", all.earlier},
        {"passed_over", passed},
        {"runs", all.all.runs},
        {"first", time_or_null(any, all.first)},
        {"last", time_or_null(any, all.last)},
        {"seconds", all.all.seconds},
        {"captured", {{"bytes", all.bytes}, {"lines", all.lines}}},
        {"failed", all.all.failed},
        {"with_fallback", all.with_fallback},
        {"with_loss", all.all.with_loss},
        {"losses",
         {{"forward", lost(all.lost_bytes, "bytes")},
          {"log", lost(all.lost_log_lines, "lines")},
          {"warnings", lost(all.lost_lines, "lines")},
          {"cut_short", {{"runs", all.cut.runs}}}}},
        {"failures", counts_json(all.failures, {"command", "how"}, "runs")},
        {"causes", counts_json(all.causes, {"command", "class"}, "runs")},
        {"fallbacks", counts_json(all.refusals, {"backend", "code", "message"}, "times")},
        {"not_captured", counts_json(all.not_captured, {"why"}, "runs")},
        {"flags", counts_json(all.flags, {"flag", "origin"}, "runs")},
        {"rules", counts_json(all.rules, {"rule"}, "runs")},
        {"backends", counts_json(all.backends, {"command", "backend"}, "runs")},
        {"slowest", slowest},
        {"commands", groups_json(all.commands, "command")},
        {"hosts", groups_json(all.hosts, "host")},
        {"other",
         {{"failures", all.failures.other()},
          {"causes", all.causes.other()},
          {"fallbacks", all.refusals.other()},
          {"not_captured", all.not_captured.other()},
          {"flags", all.flags.other()},
          {"rules", all.rules.other()},
          {"backends", all.backends.other()},
          {"commands", all.commands.other().runs},
          {"hosts", all.hosts.other().runs}}}};
    std::ostringstream text;
    print_json(out, text);
    return text.str();
}

std::string as_prometheus(const summary& all) {
    exposition out;
    const auto counts = [&out](const table<std::uint64_t>& rows,
                               const std::vector<const char*>& names) {
        for (const auto& [which, count] : rows.rows()) {
            exposition::labels with;
            for (std::size_t i = 0; i < names.size(); ++i) with.emplace_back(names[i], which[i]);
            out.sample(with, count);
        }
        if (rows.other() == 0) return;
        exposition::labels with;
        for (const char* const name : names) with.emplace_back(name, others);
        out.sample(with, rows.other());
    };
    out.metric("fd2_runs_total", "counter",
               "Runs by command and by the backend that carried stderr (inherit: none).");
    counts(all.backends, {"command", "backend"});
    out.metric("fd2_failures_total", "counter",
               "Runs whose command failed or was killed, by command and by how it ended.");
    counts(all.failures, {"command", "how"});
    out.metric("fd2_failure_causes_total", "counter",
               "Failed runs by command and by the class of their cause.");
    counts(all.causes, {"command", "class"});
    out.metric("fd2_fallbacks_total", "counter", "Backends that were tried and not used.");
    counts(all.refused_backends, {"backend"});
    out.metric("fd2_run_seconds_total", "counter", "Time until the commands exited.");
    for (const auto& [which, sum] : all.commands.rows()) {
        out.sample({{"command", which[0]}}, sum.seconds);
    }
    if (all.commands.other().runs != 0) {
        out.sample({{"command", others}}, all.commands.other().seconds);
    }
    const auto single = [&out](const char* name, std::uint64_t number, const char* help) {
        out.metric(name, "counter", help);
        out.sample({}, number);
    };
    single("fd2_captured_bytes_total", all.bytes, "Bytes of stderr that were captured.");
    single("fd2_lost_bytes_total", all.lost_bytes.amount,
           "Captured bytes that could not be delivered to fd2's own stderr.");
    single("fd2_lost_log_lines_total", all.lost_log_lines.amount,
           "Lines that are missing from the log file.");
    single("fd2_lossy_runs_total", all.all.with_loss, "Runs that lost anything.");
    single("fd2_damaged_lines_total", all.damaged + all.foreign,
           "Lines of the report file that are not reports.");
    if (all.all.runs != 0) {
        out.metric("fd2_last_run_timestamp_seconds", "gauge", "When the latest run was started.");
        out.sample({}, static_cast<double>(all.last) / static_cast<double>(second));
    }
    return out.take();
}

}  // namespace fd2::cli::reports
