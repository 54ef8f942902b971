#include "cli/report.hpp"

#include <algorithm>
#include <string_view>

#include "base/files.hpp"
#include "cli/lines_of.hpp"
#include "cli/report/render.hpp"
#include "cli/whole_file.hpp"

namespace fd2::cli {
namespace {

status read_lines(const std::string& name, std::optional<std::int64_t> since,
                  reports::summary& all) {
    reports::run one;
    return each_line(name, [&](std::string_view line, std::uint64_t number) {
        const auto kind = reports::read_line(line, one);
        if (kind != reports::line_kind::report) {
            all.pass_over(kind, name == "-" ? "standard input" : name, number);
        } else if (since && one.started < *since) {
            ++all.earlier;
        } else {
            all.add(one);
        }
    });
}

int complain_of(const std::string& text) {
    complain("report: " + text);
    return usage_error;
}

/// The files to read; empty: there are none, which has been said.
std::vector<std::string> files_of(const common_options& given, const report_options& asked) {
    if (!asked.files.empty()) return asked.files;
    const auto loaded = load_settings(given, true);
    if (!loaded) return {};
    const std::string& file = loaded->values.report.file;
    if (!file.empty()) return {file};
    (void)complain_of(no_report_file);
    return {};
}

}  // namespace

int report(const common_options& given, const report_options& asked, const output_options& shown,
           std::ostream& out) {
    if (asked.prometheus && shown.json) {
        return complain_of("--json and --prometheus cannot be used together");
    }
    reports::question question;
    if (!asked.since.empty()) {
        if (asked.prometheus) {
            return complain_of(
                "--since and --prometheus cannot be used together: counters must not "
                "decrease; omit --since");
        }
        question.since = reports::parse_since(asked.since, wall_clock());
        if (!question.since) {
            return complain_of(
                "--since: " + settings::display(asked.since) +
                " is neither a duration nor a time; write, for example, 30min, 24h, 7d, "
                "2026-11-29 or 2026-11-29T15:56Z (UTC)");
        }
    }
    question.files = files_of(given, asked);
    if (question.files.empty()) return usage_error;
    reports::summary all;
    for (const std::string& file : question.files) {
        if (auto good = read_lines(file, question.since, all); !good) {
            return complain_of(text_of(good.error()) +
                               about_missing(good.error(), asked.files.empty()));
        }
    }
    const screen page = asked.out.empty() ? look_at_stdout(shown.colour) : screen{};
    const std::string text = asked.prometheus ? reports::as_prometheus(all)
                             : shown.json     ? reports::as_json(all, question)
                                              : reports::as_text(all, question, page);
    if (asked.out.empty()) {
        out << text;
        return 0;
    }
    const std::string_view whole[] = {text};
    if (auto good = replace_file(absolute(asked.out), whole, 0666); !good) {
        return complain_of("--out: " + text_of(good.error()));
    }
    return 0;
}

}  // namespace fd2::cli
