#include "cli/why.hpp"

#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/signal_set.hpp"
#include "base/text_list.hpp"
#include "cause/search.hpp"
#include "cli/causes.hpp"
#include "cli/json_out.hpp"
#include "cli/lines_of.hpp"
#include "cli/page.hpp"
#include "cli/report/summary.hpp"

namespace fd2::cli {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using reports::line_kind;

constexpr int nothing_found = 1;

int no_answer(const std::string& text, int status = usage_error) {
    complain("why: " + text);
    return status;
}

/// The end of a text that comes line by line.
class end_of_text {
  public:
    void add(std::string_view text, bool whole_line = true) {
        text_ += text;
        if (whole_line) text_ += '\n';
        if (text_.size() > 2 * longest_end) {
            text_.erase(0, text_.size() - longest_end);
            cut_ = true;
        }
    }
    const std::string& text() const noexcept { return text_; }
    bool is_cut() const noexcept { return cut_; }

  private:
    std::string text_;
    bool cut_ = false;
};

/// A run that failed, or a text about which nobody knows more.
struct failure_found {
    std::uint64_t line = 0;  ///< of its report in the file; 0: a text
    std::vector<std::string> command;
    std::string started;
    std::optional<exit_status> exit;
    cause::found_cause cause;
};

std::optional<cause::found_cause> read_cause(const json& report) {
    const auto found = report.find("cause");
    if (found == report.end() || found->is_null()) return std::nullopt;
    const auto text = [&found](const char* member) {
        const json& value = found->at(member);
        return value.is_null() ? std::string() : value.get<std::string>();
    };
    const auto is = cause::parse_kind(text("class"));
    const auto sure = cause::parse_confidence(text("confidence"));
    if (!is || !sure) return std::nullopt;  // of a later fd2
    cause::found_cause out{*is, *sure, std::nullopt, text("rule"), text("next")};
    if (std::string line = text("line"); !line.empty()) out.line = std::move(line);
    return out;
}

/// What a file holds: reports, a log with reports, or the stderr of a command.
class reader {
  public:
    explicit reader(const cause::rule_file& own) : own_(own) {}

    void take(std::string_view line, std::uint64_t number) {
        json what;
        const line_kind kind =
            line.front() == '{' ? reports::take_apart(line, what) : line_kind::damaged;
        if (kind == line_kind::report) {
            take_report(what, number);
        } else if (kind == line_kind::logged && what.value("kind", json()) == "line") {
            take_line(what);
        } else {
            if (kind != line_kind::logged && bad_ == 0) bad_ = number;
            if (is_piece_of_report(line)) recorded_ = true;
            text_.add(line);
        }
    }

    /// Whether there was anything of fd2's in the file.
    bool has_records() const noexcept { return recorded_; }
    std::uint64_t runs() const noexcept { return runs_; }
    std::uint64_t first_bad() const noexcept { return bad_; }
    const end_of_text& text() const noexcept { return text_; }

    /// The last run that failed.
    const std::optional<failure_found>& last() const noexcept { return last_; }

  private:
    static bool is_piece_of_report(std::string_view line) noexcept {
        return line.starts_with("{\"schema\":\"fd2.stats/") ||
               (line.starts_with("{\"time\":") && line.find("\"fd2.stats/") != line.npos);
    }

    void take_line(const json& record) try {
        recorded_ = true;
        const json& pid = record.at("pid");
        if (!pid.is_number()) return;
        if (said_.size() == most_runs && said_.count(pid.get<std::int64_t>()) == 0) {
            said_.erase(said_.begin());
        }
        said_[pid.get<std::int64_t>()].add(record.at("text").get_ref<const std::string&>(),
                                           !record.value("more", false));
    } catch (const json::exception&) {
        // No line of a log of ours.
    }

    void take_report(const json& report, std::uint64_t number) try {
        recorded_ = true;
        failure_found run;
        run.line = number;
        run.exit = reports::read_exit(report.at("exit"));
        run.command = report.at("command").get<std::vector<std::string>>();
        run.started = report.at("times").at("started").get<std::string>();
        const auto said = said_.extract(report.at("pid").get<std::int64_t>());
        const auto bytes = report.at("bytes").get<std::uint64_t>();
        const bool captured = report.at("backend") != "inherit";
        const auto recorded = read_cause(report);
        ++runs_;
        if (run.exit->success()) return;
        if (recorded && (recorded->is != cause::kind::unknown || said.empty())) {
            run.cause = *recorded;
        } else {
            cause::failed_run what{run.command, *run.exit, {}};
            what.heard = captured && (bytes == 0 || !said.empty());
            if (!said.empty()) {
                what.said = said.mapped().text();
                what.cut = said.mapped().is_cut();
            }
            run.cause = find_cause(what, own_.rules());
        }
        last_ = std::move(run);
    } catch (const json::exception&) {
        if (bad_ == 0) bad_ = number;
    }

    // Runs that write to one log at a time.
    static constexpr std::size_t most_runs = 64;

    const cause::rule_file& own_;
    bool recorded_ = false;
    std::uint64_t runs_ = 0;
    std::uint64_t bad_ = 0;  ///< the first line that is nothing of fd2's
    end_of_text text_;
    std::map<std::int64_t, end_of_text> said_;  ///< by pid, from a log
    std::optional<failure_found> last_;
};

/// "255", "SIGTERM".
std::optional<exit_status> parse_status(std::string_view text) {
    for (int signal = 1; signal <= last_signal; ++signal) {
        if (text.starts_with("SIG") && signal_name(signal) == text) {
            return exit_status::signalled(signal, false);
        }
    }
    int code = 0;
    const auto [stop, failed] = std::from_chars(text.data(), text.data() + text.size(), code);
    if (failed != std::errc() || stop != text.data() + text.size() || code < 1 || code > 255) {
        return std::nullopt;
    }
    return exit_status::exited(code);
}

const cause::rule* rule_called(std::string_view id, const cause::rule_file& own) {
    for (const auto rules : {own.rules(), cause::built_in_rules()}) {
        for (const cause::rule& one : rules) {
            if (one.id == id) return &one;
        }
    }
    return nullptr;
}

// --- output

struct answer {
    std::string file;
    const failure_found* what = nullptr;  ///< null: nothing failed
    const cause::rule* rule = nullptr;
};

std::string as_text(const answer& found, const screen& shown) {
    const failure_found& what = *found.what;
    page out(shown);
    if (what.line != 0) {
        out.line(join(what.command, " ") + ": " + text_of(*what.exit), ink::bold);
        out.field("started",
                  what.started + " (line " + std::to_string(what.line) + " of " + found.file + ")");
    }
    out.field("cause", std::string(cause::name_of(what.cause.is)) + ", confidence " +
                           std::string(cause::name_of(what.cause.sure)));
    if (what.cause.line) out.field("line", *what.cause.line);
    if (!what.cause.next.empty()) out.field("what to do", what.cause.next);
    if (found.rule) {
        std::string text = what.cause.rule + " (" + std::string(found.rule->tool);
        if (!found.rule->versions.empty()) text.append("; ").append(found.rule->versions);
        out.field("rule", text + ")");
    } else if (!what.cause.rule.empty()) {
        out.field("rule", what.cause.rule);
    }
    return out.take();
}

ordered_json as_json(const std::optional<exit_status>& exit) {
    if (!exit) return nullptr;
    switch (exit->how()) {
        case exit_status::kind::exited:
            return {{"code", static_cast<std::uint32_t>(exit->code())}};
        case exit_status::kind::signalled:
            return {{"signal", exit->signal()}, {"core", exit->core()}};
        case exit_status::kind::lost:
            break;
    }
    return {{"lost_errno", exit->lost_errno()}};
}

void print_json_of(const answer& found, std::ostream& out) {
    ordered_json all{{"schema", "fd2.why/1"}, {"file", found.file}, {"line", nullptr},
                     {"command", nullptr},    {"started", nullptr}, {"exit", nullptr},
                     {"cause", nullptr}};
    if (found.what) {
        const failure_found& what = *found.what;
        if (what.line != 0) all["line"] = what.line;
        if (!what.command.empty()) all["command"] = what.command;
        all["started"] = text_or_null(what.started);
        all["exit"] = as_json(what.exit);
        const auto of_rule = [&found](std::string_view cause::rule::*member) {
            return text_or_null(found.rule ? std::string(found.rule->*member) : std::string());
        };
        all["cause"] = {{"class", cause::name_of(what.cause.is)},
                        {"confidence", cause::name_of(what.cause.sure)},
                        {"line", text_or_null(what.cause.line.value_or(""))},
                        {"rule", text_or_null(what.cause.rule)},
                        {"tool", of_rule(&cause::rule::tool)},
                        {"versions", of_rule(&cause::rule::versions)},
                        {"next", text_or_null(what.cause.next)}};
    }
    print_json(all, out);
}

void list_rules(const cause::rule_file& own, const screen& shown, std::ostream& out) {
    page text(shown);
    std::vector<page::cells> rows{{"CLASS", "RULE", "TOOL", "VERSIONS"}};
    for (const std::string_view name : cause::kind_names()) {
        for (const auto rules : {own.rules(), cause::built_in_rules()}) {
            for (const cause::rule& one : rules) {
                if (cause::name_of(one.is) != name) continue;
                rows.push_back({std::string(name), cell(one.id), cell(one.tool),
                                one.versions.empty() ? "-" : std::string(one.versions)});
            }
        }
    }
    text.rows(rows, 0);
    out << text.take();
}

/// A file again, if no rule of the user's has the name of one of ours.
void print_rules(const cause::rule_file& own, std::ostream& out) {
    std::vector<cause::rule> all(own.rules().begin(), own.rules().end());
    const auto built_in = cause::built_in_rules();
    all.insert(all.end(), built_in.begin(), built_in.end());
    out << cause::yaml_of(all);
}

}  // namespace

int why(const common_options& given, const why_options& asked, const output_options& shown,
        std::ostream& out) {
    const bool describes = !asked.status.empty() || !asked.tool.empty();
    if (asked.list || asked.rules) {
        if (!asked.file.empty() || describes || shown.json || asked.list == asked.rules) {
            return no_answer(
                "--list and --rules stand alone; write fd2 why --list, or for programs fd2 why "
                "--rules, which prints YAML");
        }
    } else if (asked.file.empty() && describes) {
        return no_answer(
            "--status and --tool describe a text; name its FILE, or - for standard input");
    }
    std::optional<exit_status> status;
    if (!asked.status.empty() && !(status = parse_status(asked.status))) {
        return no_answer("--status: " + settings::display(asked.status) +
                         " is no status of a failure; write 1 to 255, or a signal such as "
                         "SIGTERM");
    }
    cause::rule_file own;
    const auto loaded = load_settings(given, true, &own);
    if (!loaded) return usage_error;
    const screen terminal = look_at_stdout(shown.colour);
    if (asked.list) return list_rules(own, terminal, out), 0;
    if (asked.rules) return print_rules(own, out), 0;

    const bool configured = asked.file.empty();
    const std::string& file = configured ? loaded->values.report.file : asked.file;
    if (file.empty()) return no_answer(no_report_file);
    reader found(own);
    const auto take = [&found](std::string_view line, std::uint64_t number) {
        found.take(line, number);
    };
    if (auto good = each_line(file, take); !good) {
        return no_answer(text_of(good.error()) + about_missing(good.error(), configured));
    }
    const std::string name = file == "-" ? "standard input" : file;
    std::optional<failure_found> what;
    if (found.has_records() || configured) {
        if (describes) {
            return no_answer(name +
                             ": these are reports, which say how the command ended; omit "
                             "--status and --tool");
        }
        if (found.first_bad() != 0) {
            const std::string where =
                name + ": line " + std::to_string(found.first_bad()) + " is damaged or no report";
            if (found.runs() == 0) return no_answer(where + ", and no other line is one");
            complain("why: warning: " + where);
        }
        what = found.last();
    } else {
        if (found.text().text().empty() && !describes) {
            return no_answer(name + ": is empty; say how the command ended: --status N --tool ssh",
                             nothing_found);
        }
        what.emplace();
        what->exit = status;
        if (!asked.tool.empty()) what->command = {asked.tool};
        cause::failed_run run{what->command, status.value_or(exit_status::lost(0)),
                              found.text().text()};
        run.cut = found.text().is_cut();
        what->cause = find_cause(run, own.rules());
    }
    const answer told{file, what ? &*what : nullptr,
                      what ? rule_called(what->cause.rule, own) : nullptr};
    if (shown.json) {
        print_json_of(told, out);
    } else if (what) {
        out << as_text(told, terminal);
    } else {
        return no_answer("no failed run in " + name + " (" + count_of(found.runs(), "run") + ")",
                         nothing_found);
    }
    return what && what->cause.is != cause::kind::unknown ? 0 : nothing_found;
}

}  // namespace fd2::cli
