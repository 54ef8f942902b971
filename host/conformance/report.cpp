#include "conformance/report.hpp"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/plain_text.hpp"
#include "base/text_list.hpp"

namespace fd2::conformance {

namespace {

std::string in_seconds(double value) {
    char text[32];
    std::snprintf(text, sizeof(text), "%.3f", value);
    return text;
}

/// For people: what takes no time has none.
std::string rounded(double value) {
    char text[32];
    std::snprintf(text, sizeof(text), "%.1f s", value);
    return value < 0.05 ? "" : text;
}

std::string name_of_subject(const outcome& result) {
    const std::string& id = result.backend.id;
    return (id.empty() ? result.plugin : id) + (result.options.empty() ? "" : " " + result.options);
}

/// What there is to say of a verdict, a line each.
std::vector<std::string> lines_of(const verdict& checked) {
    std::vector<std::string> out;
    if (!checked.reason.empty()) out.push_back(checked.reason);
    for (const auto& each : checked.findings) out.push_back(text_of(each));
    if (checked.left_out != 0) out.push_back("and " + std::to_string(checked.left_out) + " more");
    for (const auto& each : checked.notes) out.push_back("note: " + each);
    for (const auto& each : checked.threads) out.push_back("thread " + each);
    for (const auto& each : checked.left) out.push_back("left behind: " + each);
    return out;
}

/// For XML and HTML: markup escaped, and what XML does not allow as \xNN.
std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : plain(text)) {
        switch (c) {
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '&':
                out += "&amp;";
                break;
            case '"':
                out += "&quot;";
                break;
            default:
                out += c;
        }
    }
    return out;
}

std::string escaped_lines(const verdict& checked) {
    std::string out;
    for (const auto& each : lines_of(checked)) out += escaped(each) + "\n";
    if (!checked.output.empty() && checked.what != status::pass) {
        out += "output:\n";
        std::size_t at = 0;
        while (at < checked.output.size()) {
            const auto end = std::min(checked.output.find('\n', at), checked.output.size());
            out += "  " + escaped(std::string_view(checked.output).substr(at, end - at)) + "\n";
            at = end + 1;
        }
    }
    return out;
}

const verdict* find(const outcome& in, const std::string& id) {
    for (const auto& each : in.verdicts) {
        if (each.id == id) return &each;
    }
    return nullptr;
}

/// What is to be looked at: a failure, or what would be one.
bool has_evidence(const verdict& checked) {
    return is_bad(checked.what) || checked.what == status::warn || checked.what == status::waived;
}

/// Where the evidence of a check, or of a whole backend, lies on the page.
std::string anchor_of(std::size_t backend, const std::string& id = "evidence") {
    return id + "-" + std::to_string(backend + 1);
}

std::string title_of(const std::string& id) {
    const check* known = find_check(id);
    return known != nullptr ? known->title : "";
}

}  // namespace

std::string text_of(const finding& found) {
    std::string out = found.expected;
    if (!found.seen.empty()) out += ": seen " + found.seen;
    std::string behind = found.where;
    if (!found.context.empty()) {
        if (!behind.empty()) behind += "; ";
        behind += join(found.context, ", ");
    }
    if (!behind.empty()) out += " (" + behind + ")";
    return out;
}

std::string command_for(const outcome& in, const verdict& checked) {
    return "fd2 conform --debug " + checked.id + (in.full ? " --profile all" : "") +
           (in.seed != 1 ? " --seed " + std::to_string(in.seed) : "") + " '" + in.plugin +
           (in.options.empty() ? "" : "?" + in.options) + "'";
}

std::string json_report(const std::vector<outcome>& all) {
    json list = json::array();
    for (const auto& result : all) {
        json verdicts = json::array();
        for (const auto& each : result.verdicts) {
            json row = each;
            if (const check* known = find_check(each.id); known != nullptr) {
                row["level"] = name_of(known->grade);
                row["rules"] = known->rules;
                row["title"] = known->title;
            }
            verdicts.push_back(std::move(row));
        }
        json counts;
        for (const status what : {status::pass, status::fail, status::crash, status::hang,
                                  status::warn, status::waived, status::skip}) {
            counts[std::string(name_of(what))] = result.count(what);
        }
        list.push_back({{"plugin", result.plugin},
                        {"options", result.options},
                        {"backend", result.backend},
                        {"conforms", result.conforms()},
                        {"unfinished", result.unfinished},
                        {"seconds", result.seconds},
                        {"counts", counts},
                        {"checks", verdicts}});
    }
    const json whole = {{"schema", "fd2.conform/1"}, {"version", FD2_VERSION}, {"backends", list}};
    std::string text = whole.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
    escape_controls(text);
    return text;
}

std::string json_list(const std::vector<const check*>& wanted) {
    json list = json::array();
    for (const auto* each : wanted) {
        list.push_back({{"id", each->id},
                        {"level", name_of(each->grade)},
                        {"rules", each->rules},
                        {"title", each->title},
                        {"how", each->how}});
    }
    const json whole = {{"schema", "fd2.conform-list/1"}, {"checks", list}};
    return whole.dump(2) + "\n";
}

std::string junit_report(const std::vector<outcome>& all) {
    std::string out =
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"fd2 conform\">\n";
    for (const auto& result : all) {
        const auto bad = result.count(status::fail);
        const auto broken = result.count(status::crash) + result.count(status::hang);
        out += "  <testsuite name=\"" + escaped(name_of_subject(result)) + "\" tests=\"" +
               std::to_string(result.verdicts.size()) + "\" failures=\"" + std::to_string(bad) +
               "\" errors=\"" + std::to_string(broken) + "\" skipped=\"" +
               std::to_string(result.count(status::skip)) + "\" time=\"" +
               in_seconds(result.seconds) + "\">\n";
        for (const auto& each : result.verdicts) {
            out += "    <testcase classname=\"" + escaped(name_of_subject(result)) + "\" name=\"" +
                   escaped(each.id + " " + title_of(each.id)) + "\" time=\"" +
                   in_seconds(each.seconds) + "\"";
            const std::string text = escaped_lines(each);
            if (each.what == status::fail) {
                out += "><failure message=\"" +
                       escaped(each.findings.empty() ? each.reason : text_of(each.findings[0])) +
                       "\">" + text + "</failure></testcase>\n";
            } else if (is_bad(each.what)) {
                out += "><error message=\"" + escaped(each.reason) + "\">" + text +
                       "</error></testcase>\n";
            } else if (each.what == status::skip) {
                out += "><skipped message=\"" + escaped(each.reason) + "\"/>";
                if (!each.notes.empty()) out += "<system-out>" + text + "</system-out>";
                out += "</testcase>\n";
            } else if (!text.empty()) {
                out += "><system-out>" + text + "</system-out></testcase>\n";
            } else {
                out += "/>\n";
            }
        }
        out += "  </testsuite>\n";
    }
    return out + "</testsuites>\n";
}

std::string tap_report(const std::vector<outcome>& all) {
    std::size_t count = 0;
    for (const auto& result : all) count += result.verdicts.size();
    std::string out = "TAP version 13\n1.." + std::to_string(count) + "\n";
    std::size_t number = 0;
    for (const auto& result : all) {
        for (const auto& each : result.verdicts) {
            std::string title =
                plain(name_of_subject(result)) + ": " + each.id + " " + title_of(each.id);
            std::replace(title.begin(), title.end(), '#', '.');
            out +=
                (is_bad(each.what) ? "not ok " : "ok ") + std::to_string(++number) + " - " + title;
            if (each.what == status::skip) out += " # SKIP " + plain(each.reason);
            out += "\n";
            for (const auto& line : lines_of(each)) {
                const bool said = each.what == status::skip && line == each.reason;
                if (!said) out += "# " + plain(line) + "\n";
            }
        }
    }
    return out;
}

/// Of one backend: what failed, and how to run it again.
static std::string evidence(const outcome& in, std::size_t number) {
    std::string out;
    for (const status first : {status::fail, status::warn}) {
        for (const verdict& each : in.verdicts) {
            if (!has_evidence(each) || is_bad(each.what) != (first == status::fail)) continue;
            const std::string word(name_of(each.what));
            const check* const known = find_check(each.id);
            out += "<section id=\"" + anchor_of(number, each.id) + "\">\n<h3><span class=\"" +
                   word + "\">" + word + "</span> " + each.id + " " + escaped(title_of(each.id)) +
                   "</h3>\n<pre>" + escaped_lines(each) + "</pre>\n<p class=\"rules\">" +
                   (known != nullptr ? "rules " + escaped(join(known->rules, " ")) + "; " : "") +
                   "again: <code>" + escaped(command_for(in, each)) + "</code></p>\n</section>\n";
        }
    }
    if (out.empty()) return out;
    return "<h2 id=\"" + anchor_of(number) + "\">" + escaped(name_of_subject(in)) + "</h2>\n" + out;
}

std::string html_report(const std::vector<outcome>& all) {
    std::string out = R"(<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>fd2 conform</title>
<style>
:root { color-scheme: light dark; --line: #8884; --pass: #2a7a3b; --bad: #b3261e; --warn: #9a6700;
  --quiet: #777; }
@media (prefers-color-scheme: dark) { :root { --pass: #5cc97a; --bad: #ff8a80; --warn: #e3b341;
  --quiet: #999; } }
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 2rem; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem; text-align: left;
  vertical-align: top; }
thead th { position: sticky; top: 0; background: Canvas; }
td.what { min-width: 18rem; } .time { font-size: .8rem; white-space: nowrap; }
.pass { color: var(--pass); } .fail, .crash, .hang { color: var(--bad); font-weight: 600; }
.warn, .waived { color: var(--warn); } .skip, .id, .rules, .time { color: var(--quiet); }
tr.group th { padding-top: 1.2rem; font-size: 1.05rem; }
h2 { font-size: 1.2rem; margin: 2rem 0 0; } h3 { font-size: 1rem; margin: 1rem 0 0; }
section:target { outline: 2px solid var(--line); outline-offset: .4rem; }
td.v a, td.fail a { color: inherit; }
details { white-space: normal; } summary { cursor: pointer; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: .4rem 0; font-size: .85rem;
  font-weight: 400; color: CanvasText; max-width: 40rem; }
</style>
</head>
<body>
<h1>fd2 conform</h1>
<table>
<thead><tr><th>backend</th><th>version</th><th>verdict</th><th>pass</th><th>failed</th><th>warnings</th><th>waived</th><th>skipped</th><th>time</th></tr></thead>
<tbody>
)";
    for (std::size_t i = 0; i < all.size(); ++i) {
        const outcome& result = all[i];
        const auto bad =
            result.count(status::fail) + result.count(status::crash) + result.count(status::hang);
        out += "<tr><th title=\"" + escaped(result.plugin) + "\">" +
               escaped(name_of_subject(result)) + "</th><td>" + escaped(result.backend.version) +
               "</td><td class=\"" +
               (result.conforms()                    ? "pass\">conforms"
                : result.unfinished != 0 && bad == 0 ? "skip\">interrupted"
                : bad != 0 ? "fail\"><a href=\"#" + anchor_of(i) + "\">does not conform</a>"
                           : "fail\">does not conform") +
               "</td><td>" + std::to_string(result.count(status::pass)) + "</td><td>" +
               std::to_string(bad) + "</td><td>" + std::to_string(result.count(status::warn)) +
               "</td><td>" + std::to_string(result.count(status::waived)) + "</td><td>" +
               std::to_string(result.count(status::skip)) + "</td><td>" + rounded(result.seconds) +
               "</td></tr>\n";
    }
    out += "</tbody>\n</table>\n<table>\n<thead><tr><th>check</th><th>what holds</th>";
    for (const auto& result : all) out += "<th>" + escaped(name_of_subject(result)) + "</th>";
    out += "</tr></thead>\n<tbody>\n";
    char letter = 0;
    for (const check& each : checks()) {
        const bool run = std::any_of(all.begin(), all.end(), [&](const outcome& result) {
            return find(result, each.id) != nullptr;
        });
        if (!run) continue;
        if (each.id[0] != letter) {
            letter = each.id[0];
            for (const group& named : groups()) {
                if (named.letter != letter) continue;
                out += "<tr class=\"group\"><th colspan=\"" + std::to_string(2 + all.size()) +
                       "\">" + letter + ": " + escaped(named.title) + "</th></tr>\n";
            }
        }
        out += "<tr id=\"" + each.id + "\"><td class=\"id\">" + each.id +
               "</td><td class=\"what\">" + escaped(each.title) + " <span class=\"rules\">" +
               escaped(join(each.rules, " ")) +
               (each.grade == level::must ? "" : " (" + std::string(name_of(each.grade)) + ")") +
               "</span><details><summary class=\"rules\">how</summary>" + escaped(each.how) +
               "</details></td>";
        for (std::size_t i = 0; i < all.size(); ++i) {
            const verdict* seen = find(all[i], each.id);
            if (seen == nullptr) {
                out += "<td></td>";
                continue;
            }
            const std::string word(name_of(seen->what));
            const std::string text = escaped_lines(*seen);
            const std::string time = " <span class=\"time\">" + rounded(seen->seconds) + "</span>";
            out += "<td class=\"v " + word + "\">";
            if (has_evidence(*seen)) {
                out += "<a href=\"#" + anchor_of(i, each.id) + "\">" + word + "</a>" + time;
            } else if (text.empty()) {
                out += word + time;
            } else {
                out += "<details><summary>" + word + time + "</summary><pre>" + text +
                       "</pre></details>";
            }
            out += "</td>";
        }
        out += "</tr>\n";
    }
    out += "</tbody>\n</table>\n";
    for (std::size_t i = 0; i < all.size(); ++i) out += evidence(all[i], i);
    return out + "<p class=\"rules\">fd2 " FD2_VERSION
                 "; the rules are those of docs/abi.md.</p>\n</body>\n</html>\n";
}

}  // namespace fd2::conformance
