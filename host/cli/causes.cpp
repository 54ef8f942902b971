#include "cli/causes.hpp"

#include <algorithm>
#include <utility>

namespace fd2::cli {

cause::rule_file read_rules(settings::loaded& loaded, bool forgiving) {
    cause::rule_file rules;
    const std::string& path = loaded.values.why.rules;
    if (path.empty()) return rules;
    settings::report found;
    rules.load(path, found);
    const std::string set_by = " (why.rules, set by " + loaded.origin_of("why.rules").text() + ")";
    for (settings::diagnostic& mistake : found.take()) {
        if (forgiving) {
            mistake.level = severity::warning;
            mistake.message += set_by;
            mistake.advice = "this rule is ignored";
            loaded.left_out.push_back(std::move(mistake));
            break;
        }
        mistake.message += set_by;
        loaded.diagnostics.push_back(std::move(mistake));
    }
    return rules;
}

cause::found_cause cause_of(const run_report& report, const std::array<std::string_view, 2>& tail,
                            bool signalled, const cause::rule_file& own) {
    const std::size_t last = std::min(tail[1].size(), longest_end);
    const std::size_t first = std::min(tail[0].size(), longest_end - last);
    std::string said(tail[0].substr(tail[0].size() - first));
    said += tail[1].substr(tail[1].size() - last);
    cause::failed_run run{report.command, report.exit, said};
    run.cut = said.size() < tail[0].size() + tail[1].size() ||
              (report.record && report.record->offset != 0);
    run.signalled = signalled;
    run.heard = report.record.has_value();
    return find_cause(run, own.rules());
}

std::string hint_of(const cause::found_cause& cause, std::string_view command) {
    if (cause.next.empty()) return {};
    std::string out(command);
    out += ": ";
    if (cause.is != cause::kind::unknown) {
        out += cause.sure == cause::confidence::high ? "" : "perhaps ";
        out.append(cause::name_of(cause.is)).append(": ");
    }
    return out + cause.next;
}

}  // namespace fd2::cli
