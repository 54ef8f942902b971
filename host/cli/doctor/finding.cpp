#include "cli/doctor/finding.hpp"

#include <algorithm>

#include "base/plain_text.hpp"
#include "base/text_list.hpp"
#include "cli/json_out.hpp"

namespace fd2::cli::doctor {

namespace {

using json = nlohmann::ordered_json;

/// "ok" and the widest of the levels line up.
constexpr std::size_t column = std::string_view("warning  ").size();

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

const std::string& report::outcome() const noexcept {
    static const std::string none;
    return run_fails ? none : would_use;
}

std::string report::summary() const {
    std::string out;
    for (const level how : {level::problem, level::warning, level::note}) {
        const std::size_t n = count(how);
        if (n == 0) continue;
        out += (out.empty() ? "" : ", ") + count_of(n, name_of(how));
    }
    if (out.empty()) out = "no problems found";
    out += "; fd2 run would ";
    if (outcome().empty()) return out + "fail";
    if (would_use == "inherit") return out + "capture nothing: the command inherits fd2's stderr";
    return out + "use " + would_use;
}

void text_printer::print(const finding& found) {
    static constexpr ink inks[] = {ink::green, ink::cyan, ink::yellow, ink::red};
    const std::string_view word = name_of(found.how);
    std::string text = terminal_.paint(inks[static_cast<std::size_t>(found.how)], word);
    text.append(column - word.size(), ' ');
    append_wrapped(text, plain(found.subject) + ": " + plain(found.seen), terminal_.width, column,
                   column);
    text += '\n';
    if (!found.advice.empty()) {
        text.append(column, ' ');
        append_wrapped(text, plain(found.advice), terminal_.width, column, column);
        text += '\n';
    }
    out_ << text;
}

void text_printer::see(const finding& found) {
    if (found.how < level::warning) return;
    print(found);
    out_.flush();
}

void text_printer::end(const report& result) {
    for (const level how : {level::note, level::ok}) {
        if (how == level::ok && !verbose_) continue;
        for (const finding& found : result.findings) {
            if (found.how == how) print(found);
        }
    }
    const std::size_t good = result.count(level::ok);
    if (!verbose_ && good != 0) {
        out_ << terminal_.paint(ink::green, "ok") << std::string(column - 2, ' ')
             << count_of(good, "check") << "; -v lists them\n";
    }
    std::string text;
    append_wrapped(text, plain(result.summary()), terminal_.width, 0, 0);
    out_ << terminal_.paint(ink::bold, text) << '\n';
}

void print_json(const report& result, std::ostream& out) {
    json checks = json::array();
    for (const finding& found : result.findings) {
        checks.push_back({{"level", name_of(found.how)},
                          {"subject", found.subject},
                          {"seen", found.seen},
                          {"advice", text_or_null(found.advice)}});
    }
    json backends = json::array();
    for (const backend_numbers& numbers : result.backends) {
        backends.push_back({{"backend", numbers.backend},
                            {"usable", numbers.usable},
                            {"holds_of_lines", or_null(numbers.of_lines)},
                            {"holds_of_blocks", or_null(numbers.of_blocks)},
                            {"opens_by_name", or_null(numbers.by_name)}});
    }
    const json all = {{"schema", "fd2.doctor/1"},
                      {"version", FD2_VERSION},
                      {"summary",
                       {{"text", result.summary()},
                        {"problems", result.count(level::problem)},
                        {"warnings", result.count(level::warning)},
                        {"notes", result.count(level::note)},
                        {"would_use", text_or_null(result.outcome())}}},
                      {"checks", checks},
                      {"backends", backends}};
    cli::print_json(all, out);
}

}  // namespace fd2::cli::doctor
