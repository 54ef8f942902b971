// What many reports come to.
#include <nlohmann/json.hpp>

#include "cli/report/render.hpp"
#include "support/catch.hpp"

using namespace fd2;
using namespace fd2::cli::reports;
using fd2::cli::screen;
using nlohmann::json;

namespace {

/// The report of `ssh HOST`, as fd2 writes it.
json report(const std::string& host = "web1") {
    return json::parse(R"({"schema":"fd2.stats/1","command":["/usr/bin/ssh","me@)" + host +
                       R"(","x"],"transport":"sync","flag":true,"flag_origin":"built-in",
        "flag_counts":false,"rule":null,"backend":"pipe","medium":"pipe","fallback":[],
        "inherit_reason":null,"bytes":7,"lines":1,"tail":{"bytes":7,"offset":0},
        "dropped":{"tail_bytes":0,"warnings":0,"forward_bytes":0,"log_lines":0},
        "forwarded_bytes":7,"forward_errno":0,"end":"eof","end_errno":0,"followed":false,
        "held_by":null,"exit":{"code":0},"pid":4711,"times":{
        "started":"2026-11-22T13:16:50.383784Z","first_byte_ms":0.765,"exited_ms":1500.0,
        "finished_ms":1500.5}})");
}

/// With one member replaced.
json with(const char* pointer, json value, json report_of = report()) {
    report_of[json::json_pointer(pointer)] = std::move(value);
    return report_of;
}

fd2::cli::reports::run read(const json& what) {
    fd2::cli::reports::run out;
    REQUIRE(read_line(what.dump(), out) == line_kind::report);
    return out;
}

line_kind kind_of(const std::string& line) {
    fd2::cli::reports::run ignored;
    return read_line(line, ignored);
}

summary sum_of(const std::vector<json>& all) {
    summary out;
    for (const json& one : all) out.add(read(one));
    return out;
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != text.npos;
}

}  // namespace

TEST_CASE("a report is read, alone and in the log's record of a run") {
    const auto one = read(report());
    CHECK(one.command == "ssh");
    CHECK(one.host == "web1");
    CHECK(one.backend == "pipe");
    CHECK(one.how == "status 0");
    CHECK_FALSE(one.failed);
    CHECK_FALSE(one.has_loss());
    CHECK(read(with("/forward_errno", 28)).has_loss());
    CHECK(one.seconds == 1.5);
    CHECK(one.started == 1795353410'383784000);
    CHECK(read(json{{"time", "2026"}, {"kind", "run"}, {"report", report()}}).host == "web1");
    CHECK_FALSE(read(with("/command", {"make", "web1"})).host);
    CHECK(read(with("/times/exited_ms", nullptr)).seconds == 0);
    CHECK(read(with("/times/exited_ms", 1e300)).seconds == 1e9);
}

TEST_CASE("lines that are not reports are told apart") {
    CHECK(kind_of("nonsense") == line_kind::damaged);
    CHECK(kind_of(report().dump().substr(0, 200)) == line_kind::damaged);
    CHECK(kind_of("17") == line_kind::foreign);
    CHECK(kind_of(R"({"schema":"fd2.stats/2"})") == line_kind::foreign);
    CHECK(kind_of(R"({"time":"now","kind":"line","text":"x"})") == line_kind::logged);
    CHECK(kind_of(R"({"time":"now","level":"info","message":"x"})") == line_kind::logged);
    CHECK(kind_of(R"({"time":"now","other":"x"})") == line_kind::foreign);
    CHECK(kind_of(R"({"time":"now","kind":"run"})") == line_kind::damaged);
    for (const char* const member : {"/command", "/dropped/log_lines", "/exit", "/times/started"}) {
        CHECK(kind_of(with(member, "nonsense").dump()) == line_kind::damaged);
        CHECK(kind_of(with(member, nullptr).dump()) == line_kind::damaged);
    }
    json shorter = report();
    shorter.erase("end");
    CHECK(kind_of(shorter.dump()) == line_kind::damaged);
    CHECK(kind_of(std::string(100000, '[')) == line_kind::damaged);
}

TEST_CASE("failures are counted by command and by how it ended") {
    const auto all = sum_of(
        {report(), with("/exit", {{"code", 255}}), with("/exit", {{"code", 255}}),
         with("/exit", {{"signal", 15}, {"core", false}}), with("/exit", {{"lost_errno", 10}})});
    CHECK(all.all.runs == 5);
    CHECK(all.all.failed == 4);
    const std::map<key, std::uint64_t> expected{{{"ssh", "status 255"}, 2},
                                                {{"ssh", "signal SIGTERM"}, 1},
                                                {{"ssh", "unknown status (ECHILD)"}, 1}};
    CHECK(all.failures.rows() == expected);
}

TEST_CASE("failures are counted by the class of their cause") {
    const auto failed = [](const char* cls) {
        return with("/cause",
                    {{"class", cls},
                     {"confidence", "high"},
                     {"line", nullptr},
                     {"rule", nullptr},
                     {"next", nullptr}},
                    with("/exit", {{"code", 255}}));
    };
    // Without a cause: an older report; null: a success.
    const auto all = sum_of({failed("dns"), failed("dns"), failed("auth"),
                             with("/exit", {{"code", 255}}), with("/cause", nullptr)});
    const std::map<key, std::uint64_t> expected{{{"ssh", "dns"}, 2}, {{"ssh", "auth"}, 1}};
    CHECK(all.causes.rows() == expected);
    CHECK(json::parse(as_json(all, {}))["causes"][0]["class"] == "dns");
    CHECK(has(as_text(all, {}, {}), "  RUNS  COMMAND  CAUSE\n     2  ssh      dns\n"));
    CHECK(has(as_prometheus(all), "fd2_failure_causes_total{command=\"ssh\",class=\"dns\"} 2\n"));
    CHECK(kind_of(with("/cause", {{"class", 3}}).dump()) == line_kind::damaged);
}

TEST_CASE("losses are counted in runs and in what was lost") {
    const auto all =
        sum_of({report(), with("/dropped/forward_bytes", 100), with("/dropped/forward_bytes", 50),
                with("/dropped/log_lines", 3), with("/dropped/warnings", 2), with("/end", "error"),
                with("/end", "stopped"), with("/dropped/tail_bytes", 9)});
    CHECK(all.all.with_loss == 6);
    CHECK(all.lost_bytes.amount == 150);
    CHECK(all.lost_bytes.runs == 2);
    CHECK(all.lost_log_lines.amount == 3);
    CHECK(all.lost_lines.amount == 2);
    CHECK(all.cut.runs == 2);
}

TEST_CASE("refused backends, what was not captured, and rules are counted by their text") {
    const json refusals = {
        {{"backend", "socketpair"}, {"code", "resource"}, {"errno", 24}, {"message", "m"}},
        {{"backend", "pipe"}, {"code", "denied"}, {"errno", 13}, {"message", "n"}}};
    json inherit = with("/fallback", refusals, with("/inherit_reason", "no backend"));
    inherit["backend"] = "inherit";
    const json rule = {
        {"name", "web"}, {"file", "/f"}, {"line", 3}, {"percent", nullptr}, {"bucket", nullptr}};
    const auto all = sum_of({inherit, inherit, with("/rule", rule)});
    CHECK(all.with_fallback == 2);
    CHECK(all.refusals.rows().at({"socketpair", "resource", "m"}) == 2);
    CHECK(all.refused_backends.rows().at({"pipe"}) == 2);
    CHECK(all.not_captured.rows().at({"no backend"}) == 2);
    CHECK(all.backends.rows().at({"ssh", "inherit"}) == 2);
    CHECK(all.rules.rows().at({"rule \"web\" (/f:3)"}) == 1);
}

TEST_CASE("the slowest five are kept, in order") {
    summary all;
    for (const int ms : {5, 1, 9, 3, 7, 2, 8, 4, 6}) {
        all.add(read(with("/times/exited_ms", 1000 * ms, report("h" + std::to_string(ms)))));
    }
    std::string order;
    for (const auto& one : all.slowest) order += *one.host + " ";
    CHECK(order == "h9 h8 h7 h6 h5 ");
}

TEST_CASE("tables are bounded, and what they have no place for is counted") {
    summary all;
    auto one = read(report());
    const std::size_t many = table<group>::limit + 10;
    for (std::size_t i = 0; i < many; ++i) {
        one.host = "host" + std::to_string(i);
        all.add(one);
    }
    CHECK(all.hosts.rows().size() == table<group>::limit);
    CHECK(all.hosts.other().runs == 10);
    CHECK(all.hosts.rows().begin()->second.runs == 1);
    all.add(one);
    CHECK(all.hosts.other().runs == 11);
    const auto data = json::parse(as_json(all, {}));
    CHECK(data["hosts"].size() == table<group>::limit);
    CHECK(data["other"]["hosts"] == 11);
    CHECK(has(as_text(all, {}, {}), "  and 1001 in more than 990 others\n"));
    for (std::size_t i = 0; i < many; ++i) {
        one.rule = "rule " + std::to_string(i);
        all.add(one);
    }
    CHECK(has(as_text(all, {}, {}), "  and 1001 in more than 990 others\n"));
    one.how = "\xC3\xA4" + std::string(1000, 'x') + "\xC3\xA4";
    one.failed = true;
    all.add(one);
    CHECK(all.failures.rows().begin()->first[1].size() == table<group>::longest);
}

TEST_CASE("a long part of a key is cut between characters") {
    table<std::uint64_t> rows;
    rows[{std::string(table<group>::longest - 1, 'x') + "\xC3\xA4"}] = 1;
    CHECK(rows.rows().begin()->first[0] == std::string(table<group>::longest - 1, 'x'));
}

TEST_CASE("times and lengths of --since") {
    const std::int64_t present = 1795967794 * second;  // 2026-11-29T15:56:34Z
    CHECK(parse_since("1h", present) == present - 3600 * second);
    CHECK(parse_since("7d", present) == present - 7 * 24 * 3600 * second);
    CHECK(parse_since("99999d", present) == 0);
    CHECK(parse_since("2026-11-29T15:56:34Z", 0) == present);
    CHECK(parse_since("2026-11-29 15:56:34.25", 0) == present + second / 4);
    CHECK(parse_since("2026-11-29T15:56", 0) == present - 34 * second);
    CHECK(parse_since("2026-11-29", 0) == (1795967794 - 57394) * second);
    for (const char* const wrong :
         {"", "x", "7", "d", "-7d", "7 d", "2026", "2026-13-01", "2026-11-29T", "2026-11-29T25:00",
          "2026-11-29T15:56:", "2026-11-29T15:56:34.", "2026-11-29T15:56+01:00", "1000000000d"}) {
        INFO(wrong);
        CHECK_FALSE(parse_since(wrong, present));
    }
}

TEST_CASE("a person reads it in 80 columns, whatever the reports hold") {
    json strange = with("/exit", {{"code", 255}}, report(std::string(300, 'h')));
    strange["command"][0] = std::string(300, 'c');
    strange["flag_origin"] =
        "a\n\033[31mforged " + std::string(40, 'x') + " " + std::string(60, 'y');
    auto all = sum_of({report(), strange, with("/dropped/forward_bytes", 100)});
    all.pass_over(line_kind::damaged, "file", 17);
    all.pass_over(line_kind::foreign, "file", 18);
    const std::string text = as_text(all, {{"file"}, {}}, {});
    CHECK(has(text, "file: 3 runs\nstarted from 2026-11-22T13:16:50Z to 2026-11-22T13:16:50Z\n"));
    CHECK(has(text, "1 damaged line, 1 other line skipped, the first is"));
    CHECK(has(text, "Failures: 1 run (33.3 %)\n"));
    CHECK(has(text, "Losses: 1 run (33.3 %)\n"));
    CHECK(has(text, "     1   100  bytes not delivered"));
    CHECK(has(text, "\\n\\x1b[31mforged"));
    CHECK_FALSE(has(text, "\033"));
    std::size_t longest = 0;
    for (std::size_t start = 0; start < text.size(); start = text.find('\n', start) + 1) {
        const std::string line = text.substr(start, text.find('\n', start) - start);
        // A word that is longer than a line (a host of 300 characters) stands as it is.
        if (line.find(std::string(100, 'h')) == line.npos &&
            line.find(std::string(100, 'c')) == line.npos) {
            longest = std::max(longest, line.size());
        }
    }
    CHECK(longest <= 80);
    CHECK(as_text({}, {{"file"}, {}}, {}) == "file: 0 runs\n");
}

TEST_CASE("Prometheus gets counters with HELP and TYPE, and escaped labels") {
    json odd = with("/exit", {{"code", 3}});
    odd["command"][0] = "a\"b\\c\nd";
    const auto all = sum_of({report(), odd, with("/dropped/forward_bytes", 100)});
    const std::string text = as_prometheus(all);
    CHECK(has(text, "# TYPE fd2_runs_total counter\n"));
    CHECK(has(text, "fd2_runs_total{command=\"ssh\",backend=\"pipe\"} 2\n"));
    CHECK(has(text, "fd2_failures_total{command=\"a\\\"b\\\\c\\nd\",how=\"status 3\"} 1\n"));
    CHECK(has(text, "fd2_lost_bytes_total 100\n"));
    CHECK(has(text, "fd2_run_seconds_total{command=\"ssh\"} 3.000000\n"));
    CHECK(has(text, "fd2_last_run_timestamp_seconds 1795353410.383784\n"));
    CHECK_FALSE(has(as_prometheus({}), "fd2_last_run_timestamp_seconds"));
    summary crowded;
    auto one = read(report());
    for (std::size_t i = 0; i <= table<group>::limit; ++i) {
        one.command = std::to_string(i);
        crowded.add(one);
    }
    CHECK(
        has(as_prometheus(crowded), "fd2_runs_total{command=\"(other)\",backend=\"(other)\"} 1\n"));
}
