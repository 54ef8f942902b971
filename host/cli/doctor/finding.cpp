#include "cli/doctor/finding.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/plain_text.hpp"

namespace fd2::cli::doctor {

namespace {

using json = nlohmann::ordered_json;

/// "ok" and the widest of the levels line up.
constexpr std::size_t column = std::string_view("warning  ").size();

std::string plain(std::string_view text) {
    std::string out;
    append_plain(out, text);
    return out;
}

template <class T>
json or_null(const std::optional<T>& value) {
    return value ? json(*value) : json(nullptr);
}

}  // namespace

std::string_view name_of(level how) noexcept {
    switch (how) {
        case level::ok:
            return "ok";
        case level::note:
            return "note";
        case level::warning:
            return "warning";
        case level::problem:
            break;
    }
    return "problem";
}

std::size_t report::count(level how) const noexcept {
    return static_cast<std::size_t>(std::count_if(
        findings.begin(), findings.end(), [how](const finding& one) { return one.how == how; }));
}

std::string report::summary() const {
    std::string out;
    for (const level how : {level::problem, level::warning, level::note}) {
        const std::size_t n = count(how);
        if (n == 0) continue;
        out += (out.empty() ? "" : ", ") + std::to_string(n) + " ";
        out += name_of(how);
        if (n != 1) out += 's';
    }
    if (out.empty()) out = "all is well";
    out += "; fd2 run would ";
    if (would_use.empty()) return out + "fail";
    if (would_use == "inherit") return out + "capture nothing: the command inherits our stderr";
    return out + "use " + would_use;
}

void print_text(const report& what, std::ostream& out) {
    for (const finding& one : what.findings) {
        const std::string_view word = name_of(one.how);
        out << word << std::string(column - word.size(), ' ') << plain(one.subject) << ": "
            << plain(one.seen) << '\n';
        if (!one.advice.empty()) out << std::string(column, ' ') << plain(one.advice) << '\n';
    }
    out << plain(what.summary()) << '\n';
}

void print_json(const report& what, std::ostream& out) {
    json checks = json::array();
    for (const finding& one : what.findings) {
        checks.push_back({{"level", name_of(one.how)},
                          {"subject", one.subject},
                          {"seen", one.seen},
                          {"advice", one.advice.empty() ? json(nullptr) : json(one.advice)}});
    }
    json backends = json::array();
    for (const backend_numbers& one : what.backends) {
        backends.push_back({{"backend", one.backend},
                            {"usable", one.usable},
                            {"holds_of_lines", or_null(one.of_lines)},
                            {"holds_of_blocks", or_null(one.of_blocks)},
                            {"opens_by_name", or_null(one.by_name)}});
    }
    const json all = {
        {"schema", "fd2.doctor/1"},
        {"version", FD2_VERSION},
        {"summary",
         {{"text", what.summary()},
          {"problems", what.count(level::problem)},
          {"warnings", what.count(level::warning)},
          {"notes", what.count(level::note)},
          {"would_use", what.would_use.empty() ? json(nullptr) : json(what.would_use)}}},
        {"checks", checks},
        {"backends", backends}};
    out << all.dump(2, ' ', false, json::error_handler_t::replace) << '\n';
}

}  // namespace fd2::cli::doctor
