#include "cause/search.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "cause/advice.hpp"
#include "cause/pattern.hpp"

namespace fd2::cause {
namespace {

// Some ten milliseconds. A usual run needs a thousandth of it.
constexpr std::uint64_t most_work = 5'000'000;

constexpr std::size_t no_rule = static_cast<std::size_t>(-1);

/// The last part of the command's name: "ssh" for /usr/bin/ssh and ssh.exe.
std::string_view tool_of(std::span<const std::string> command) noexcept {
    if (command.empty()) return {};
    std::string_view name = command.front();
    name.remove_prefix(std::min(name.find_last_of("/\\") + 1, name.size()));
    if (name.ends_with(".exe")) name.remove_suffix(4);
    return name;
}

/// What a terminal would show of it: without what a carriage return overwrites, escape sequences
/// and blanks at the end.
std::string visible(std::string_view line) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t')) {
        line.remove_suffix(1);
    }
    line.remove_prefix(line.rfind('\r') + 1);  // npos + 1 is 0
    std::string out;
    for (std::size_t i = 0; i < line.size() && out.size() < longest_line; ++i) {
        if (line[i] == '\x1b' && i + 1 < line.size() && line[i + 1] == '[') {
            i += 2;
            while (i < line.size() && (line[i] < 0x40 || line[i] > 0x7E)) ++i;
            continue;
        }
        out += line[i];
    }
    return out;
}

/// The last lines that are not blank, the oldest first.
std::vector<std::string> last_lines(std::string_view text, bool cut) {
    if (cut) text.remove_prefix(std::min(text.find('\n'), text.size()));
    std::vector<std::string> out;
    while (!text.empty() && out.size() < most_lines) {
        if (text.back() == '\n') text.remove_suffix(1);
        const std::size_t start = text.rfind('\n') + 1;
        std::string line = visible(text.substr(start));
        if (!line.empty()) out.push_back(std::move(line));
        text = text.substr(0, start);
    }
    std::reverse(out.begin(), out.end());
    return out;
}

class search {
  public:
    search(const failed_run& run, std::span<const rule> own, std::span<const rule> built_in)
        : run_(run),
          tool_(tool_of(run.command)),
          rules_{own, built_in},
          lines_(last_lines(run.said, run.cut)) {}

    found_cause go() {
        look_at_lines();
        found_cause out = best_ != no_rule ? by_line() : by_status();
        if (budget_.left == 0) out.sure = confidence::low;
        return out;
    }

  private:
    const rule& at(std::size_t index) const noexcept {
        return index < rules_[0].size() ? rules_[0][index] : rules_[1][index - rules_[0].size()];
    }
    std::size_t count() const noexcept { return rules_[0].size() + rules_[1].size(); }

    /// Backwards, so that the end has been looked at if the work gets too much.
    void look_at_lines() {
        matched_.assign(lines_.size(), no_rule);
        for (std::size_t i = lines_.size(); i-- > 0 && budget_.left != 0;) {
            matched_[i] = rule_of(lines_[i]);
            if (matched_[i] == no_rule || at(matched_[i]).is == kind::advisory) continue;
            if (best_ == no_rule || comes_before(matched_[i], best_)) {
                best_ = matched_[i];
                where_ = i;
            }
        }
    }

    /// The first rule with a line that fits here.
    std::size_t rule_of(std::string_view line) {
        for (std::size_t i = 0; i < count(); ++i) {
            const rule& one = at(i);
            if (one.lines.empty() || !fits(one)) continue;
            if (says(one.lines, line) && is_with(one)) return i;
        }
        return no_rule;
    }

    bool says(std::span<const std::string_view> patterns, std::string_view line) {
        return std::any_of(patterns.begin(), patterns.end(), [&](std::string_view pattern) {
            return matches(pattern, line, budget_);
        });
    }

    bool is_with(const rule& one) {
        return one.with.empty() ||
               std::any_of(lines_.begin(), lines_.end(),
                           [&](const std::string& line) { return says(one.with, line); });
    }

    /// The conditions that are not about lines.
    bool fits(const rule& one) const noexcept {
        if (one.passed_on && !run_.signalled) return false;
        // What a program says or does not say is a condition where it was not heard, too.
        if (!run_.heard && (one.silent || one.sure == confidence::low)) return false;
        const bool known = run_.exit.how() != exit_status::kind::lost;
        if (one.own_status >= 0 && one.tool == tool_ && known &&
            run_.exit.code() != one.own_status) {
            return false;
        }
        if (one.statuses.empty()) return true;
        const int status = run_.exit.signal() != 0 ? -run_.exit.signal() : run_.exit.code();
        if (!known) return false;
        return std::any_of(one.statuses.begin(), one.statuses.end(),
                           [&](const status_range& range) {
                               return status >= range.first && status <= range.last;
                           });
    }

    bool comes_before(std::size_t left, std::size_t right) const noexcept {
        if (at(left).result != at(right).result) return at(right).result;
        return left < right;
    }

    found_cause by_line() {
        const rule& one = at(best_);
        found_cause out = answer(one);
        for (const std::string_view pattern : one.lines) {
            if (!matches(pattern, lines_[where_], budget_)) continue;
            out.next = advice_of(one.next, holes(pattern, lines_[where_]));
            break;
        }
        // A line that only follows from another failure says less than one that nobody knows.
        const bool silent = one.result && one.is == kind::unknown;
        const auto other = silent ? last_unknown() : std::nullopt;
        out.line = lines_[other.value_or(where_)];
        if (is_doubtful() && out.sure != confidence::low) {
            out.sure = static_cast<confidence>(static_cast<int>(out.sure) - 1);
        }
        return out;
    }

    /// Whether what came after the line may be the cause as well: a line of another kind, or one
    /// that no rule knows.
    bool is_doubtful() const noexcept {
        for (std::size_t i = where_ + 1; i < lines_.size(); ++i) {
            if (matched_[i] == no_rule) return true;
            const rule& later = at(matched_[i]);
            if (later.is != kind::advisory && !later.result && later.is != at(best_).is)
                return true;
        }
        return false;
    }

    std::optional<std::size_t> last_unknown() const noexcept {
        for (std::size_t i = lines_.size(); i-- > 0;) {
            if (matched_[i] == no_rule) return i;
        }
        return std::nullopt;
    }

    found_cause by_status() const {
        const auto last = last_unknown();
        for (std::size_t i = 0; i < count(); ++i) {
            const rule& one = at(i);
            if (!one.lines.empty() || !fits(one) || (one.silent && last)) continue;
            if (one.tool != "any" && one.tool != tool_) continue;
            found_cause out = answer(one);
            // What a program said last; of a signal or a time limit it knows nothing.
            if (last && (one.is == kind::remote_command || one.is == kind::unknown)) {
                out.line = lines_[*last];
            }
            return out;
        }
        found_cause out;
        if (last) out.line = lines_[*last];
        if (!run_.heard) {
            out.next =
                "Nothing of its stderr was captured, so only the status is known. Capture it: fd2 "
                "run --hint -- COMMAND";
        }
        return out;
    }

    static found_cause answer(const rule& one) {
        return {one.is, one.sure, std::nullopt, std::string(one.id), advice_of(one.next)};
    }

    const failed_run& run_;
    const std::string_view tool_;
    const std::array<std::span<const rule>, 2> rules_;
    const std::vector<std::string> lines_;
    std::vector<std::size_t> matched_;  ///< of each line, the rule
    std::size_t best_ = no_rule;
    std::size_t where_ = 0;  ///< its line
    work budget_{most_work};
};

}  // namespace

found_cause find_cause(const failed_run& run, std::span<const rule> own,
                       std::span<const rule> built_in) {
    if (run.exit.success()) return {};
    return search(run, own, built_in).go();
}

}  // namespace fd2::cause
