#include "cause/rule_file.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>
#include <utility>

#include "base/signal_set.hpp"
#include "cause/advice.hpp"
#include "cause/pattern.hpp"
#include "settings/document.hpp"
#include "settings/drop_ins.hpp"
#include "settings/nearest.hpp"
#include "settings/read_file.hpp"
#include "settings/values.hpp"

namespace fd2::cause {

using settings::display;
using settings::member;
using settings::node;
using settings::place;

namespace {

// More than anybody writes; they bound the work and the memory that a file can cause.
constexpr std::size_t most_rules = 1000;
constexpr std::size_t most_items = 16;
constexpr std::size_t longest_id = 64;
constexpr std::size_t longest_pattern = 200;
constexpr std::size_t longest_text = 400;

constexpr std::string_view members_of_rule[] = {
    "id",     "class",  "tool",      "versions", "line",       "with", "own-status",
    "status", "silent", "passed-on", "result",   "confidence", "next"};

constexpr const char* how_to_begin = "write `causes:` and below it `- id: my-rule`";

bool is_id(std::string_view text) noexcept {
    return !text.empty() && text.size() <= longest_id &&
           text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == text.npos;
}

bool is_tool(std::string_view text) noexcept {
    return !text.empty() && text.size() <= longest_id && text.find_first_of(" \t/\\") == text.npos;
}

std::optional<int> code_of(std::string_view text) noexcept {
    int out = 0;
    const auto [stop, failed] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (failed != std::errc() || stop != text.data() + text.size() || out < 0 || out > last_code) {
        return std::nullopt;
    }
    return out;
}

/// "137", "129-159", "SIGKILL", "signal".
std::optional<status_range> range_of(std::string_view text) {
    if (text == "signal") return any_signal;
    if (text.starts_with("SIG")) {
        for (int signal = 1; signal <= last_signal; ++signal) {
            if (signal_name(signal) == text) return status_range{-signal, -signal};
        }
        return std::nullopt;
    }
    const std::size_t dash = text.find('-');
    const auto first = code_of(text.substr(0, dash));
    const auto last = dash == text.npos ? first : code_of(text.substr(dash + 1));
    if (!first || !last || *first > *last) return std::nullopt;
    return status_range{*first, *last};
}

}  // namespace

/// Reads one rule, and says what is wrong with it.
class rule_reader {
  public:
    rule_reader(rule_file& target, const std::string& file, settings::report& found)
        : target_(target), file_(file), found_(found) {}

    void read(const node& what, std::string path) {
        path_ = std::move(path);
        if (what.is != node::kind::mapping) {
            return wrong(what.at, "", std::string(kind_name(what)) + " where a rule is expected",
                         "write `- id: my-rule`, and below it class, line and next");
        }
        for (const member& one : what.members) read_member(one);
        for (const std::string_view needed : {"id", "class", "next"}) {
            const bool there = std::any_of(what.members.begin(), what.members.end(),
                                           [&](const member& one) { return one.key == needed; });
            if (!there) {
                wrong(what.at, "", "has no " + std::string(needed),
                      needed == "id"      ? "write `id: my-rule`"
                      : needed == "class" ? "write `class: config`, or another class"
                                          : "write `next:` and what a person is to do");
            }
        }
        check_whole(what);
        if (good_) target_.rules_.push_back(rule_);
    }

  private:
    void wrong(const place& where, std::string_view key, std::string message,
               std::string advice = {}) {
        good_ = false;
        std::string full = path_;
        if (!key.empty()) full.append(1, '.').append(key);
        found_.error({settings::source::file, file_, where.line, where.column}, std::move(full),
                     std::move(message), std::move(advice));
    }

    /// The text of a single value, or nothing, which has been said.
    const std::string* scalar(const member& one, const node& value, const char* advice) {
        if (value.is == node::kind::scalar) return &value.text;
        wrong(place_of(one, value), one.key, settings::instead_of("a single value", value), advice);
        return nullptr;
    }

    std::string_view keep(std::string_view text) { return target_.texts_.emplace_back(text); }

    void read_member(const member& one) {
        if (one.key == "id") return read_id(one);
        if (one.key == "class") return read_word(one, kind_names(), rule_.is);
        if (one.key == "confidence") return read_word(one, confidence_names(), rule_.sure);
        if (one.key == "tool") return read_tool(one);
        if (one.key == "versions") return read_text(one, rule_.versions);
        if (one.key == "next") return read_next(one);
        if (one.key == "line") return read_patterns(one, rule_.lines);
        if (one.key == "with") return read_patterns(one, rule_.with);
        if (one.key == "own-status") return read_own_status(one);
        if (one.key == "status") return read_statuses(one);
        if (one.key == "silent") return read_flag(one, rule_.silent);
        if (one.key == "passed-on") return read_flag(one, rule_.passed_on);
        if (one.key == "result") return read_flag(one, rule_.result);
        wrong(one.at, one.key, "unknown key", settings::suggest(one.key, members_of_rule));
    }

    void read_id(const member& one) {
        constexpr const char* advice =
            "write small letters, digits and -, such as my-backup-locked";
        const std::string* const text = scalar(one, one.value, advice);
        if (text == nullptr) return;
        if (!is_id(*text)) {
            return wrong(one.value.at, one.key, display(*text) + " is not a valid id", advice);
        }
        for (const rule& other : target_.rules_) {
            if (other.id != *text) continue;
            return wrong(one.value.at, one.key, display(*text) + " is given twice",
                         "choose another id");
        }
        rule_.id = keep(*text);
    }

    template <class Value>
    void read_word(const member& one, std::span<const std::string_view> words, Value& target) {
        const std::string* const text = scalar(one, one.value, "write one word");
        if (text == nullptr) return;
        const auto found = std::find(words.begin(), words.end(), *text);
        if (found == words.end()) {
            return wrong(one.value.at, one.key, display(*text) + " is not a valid choice",
                         settings::suggest(*text, words));
        }
        target = static_cast<Value>(found - words.begin());
    }

    void read_tool(const member& one) {
        constexpr const char* advice = "write the name of a program, such as rsync, or any";
        const std::string* const text = scalar(one, one.value, advice);
        if (text == nullptr) return;
        if (!is_tool(*text)) {
            return wrong(one.value.at, one.key, display(*text) + " is no program's name", advice);
        }
        rule_.tool = keep(*text);
    }

    void read_text(const member& one, std::string_view& target) {
        const std::string* const text = scalar(one, one.value, "write some words on one line");
        if (text == nullptr) return;
        if (text->empty() || text->size() > longest_text || text->find('\n') != std::string::npos) {
            return wrong(one.value.at, one.key,
                         display(*text) + " is not 1 to " + std::to_string(longest_text) +
                             " bytes on one line",
                         "write some words on one line");
        }
        target = keep(*text);
    }

    void read_next(const member& one) {
        read_text(one, rule_.next);
        if (holes_needed(rule_.next)) return;
        wrong(one.value.at, one.key, display(rule_.next) + " has a placeholder that is not whole",
              "write {1:HOST}: the number of a * in line, and a word in capitals");
    }

    std::optional<std::string_view> read_pattern(const member& one, const node& value) {
        const std::string* const text =
            scalar(one, value, "write the message, with * for what differs, in quotes");
        if (text == nullptr) return std::nullopt;
        if (text->empty() || text->size() > longest_pattern) {
            wrong(value.at, one.key,
                  display(*text) + " is not 1 to " + std::to_string(longest_pattern) + " bytes",
                  "write what is special about the message, and * for the rest");
            return std::nullopt;
        }
        if (const auto mistake = mistake_in(*text)) {
            wrong(value.at, one.key,
                  display(*text) + ": " + std::string(mistake->message) + " (character " +
                      std::to_string(mistake->offset + 1) + ')',
                  std::string(mistake->advice));
            return std::nullopt;
        }
        return keep(*text);
    }

    /// One or several; false: neither, or too many, which has been said.
    template <class Use>
    void each(const member& one, const Use& use) {
        if (one.value.is != node::kind::list) return use(one.value);
        if (one.value.items.empty() || one.value.items.size() > most_items) {
            return wrong(one.value.at, one.key,
                         std::to_string(one.value.items.size()) + " items, where 1 to " +
                             std::to_string(most_items) + " are expected",
                         one.value.items.empty() ? "delete the key" : "make several rules of it");
        }
        for (const node& item : one.value.items) use(item);
    }

    void read_patterns(const member& one, std::span<const std::string_view>& target) {
        auto& patterns = target_.patterns_.emplace_back();
        each(one, [&](const node& item) {
            if (const auto pattern = read_pattern(one, item)) patterns.push_back(*pattern);
        });
        target = patterns;
    }

    void read_own_status(const member& one) {
        constexpr const char* advice = "write an exit status, 1 to 255";
        const std::string* const text = scalar(one, one.value, advice);
        if (text == nullptr) return;
        const auto code = code_of(*text);
        if (!code || *code == 0) {
            return wrong(one.value.at, one.key, display(*text) + " is no status of a failure",
                         advice);
        }
        rule_.own_status = *code;
    }

    void read_statuses(const member& one) {
        constexpr const char* advice =
            "write a status (137), a range (129-159), a signal (SIGKILL), or signal for any";
        auto& statuses = target_.statuses_.emplace_back();
        each(one, [&](const node& item) {
            const std::string* const text = scalar(one, item, advice);
            if (text == nullptr) return;
            const auto range = range_of(*text);
            if (!range) return wrong(item.at, one.key, display(*text) + " is no status", advice);
            statuses.push_back(*range);
        });
        rule_.statuses = statuses;
    }

    void read_flag(const member& one, bool& target) {
        const std::string* const text = scalar(one, one.value, "write true or false");
        if (text == nullptr) return;
        const auto value = settings::to_bool({*text, one.value.quoted, {}});
        if (!value.value) {
            return wrong(one.value.at, one.key, display(*text) + " is neither true nor false",
                         "write true or false");
        }
        target = *value.value;
    }

    void check_whole(const node& what) {
        if (!good_) return;  // what is missing may be what was wrong
        if (rule_.tool.empty()) rule_.tool = "any";
        const std::size_t needed = holes_needed(rule_.next).value_or(0);
        const bool lacks =
            std::any_of(rule_.lines.begin(), rule_.lines.end(),
                        [&](std::string_view pattern) { return hole_count(pattern) < needed; });
        if (needed != 0 && (rule_.lines.empty() || lacks)) {
            wrong(what.at, "next",
                  "names * number " + std::to_string(needed) + ", which not every line has",
                  "write the word alone, or make several rules of it");
        }
        if (rule_.lines.empty()) {
            if (rule_.statuses.empty() && !rule_.silent && !rule_.passed_on) {
                wrong(what.at, "", "has neither line nor status, and would be met by every failure",
                      "write `line:` and the message, with * for what differs");
            } else if (!rule_.with.empty() || rule_.result || rule_.is == kind::advisory) {
                wrong(what.at, "", "has no line, which `with`, `result` and advisory are about",
                      "write `line:` and the message");
            }
        }
    }

    rule_file& target_;
    const std::string& file_;
    settings::report& found_;
    std::string path_;
    rule rule_;
    bool good_ = true;
};

void rule_file::read(std::string_view text, const std::string& file, settings::report& found) {
    const auto tree = settings::parse_document(text, file, found);
    if (!tree || tree->is == node::kind::null) return;
    const auto wrong = [&](const place& where, std::string key, std::string message,
                           std::string advice) {
        found.error({settings::source::file, file, where.line, where.column}, std::move(key),
                    std::move(message), std::move(advice));
    };
    if (tree->is != node::kind::mapping) {
        return wrong(tree->at, "", std::string(kind_name(*tree)) + " where causes are expected",
                     how_to_begin);
    }
    for (const member& one : tree->members) {
        if (one.key != "causes") {
            wrong(one.at, one.key, "unknown key", how_to_begin);
        } else if (one.value.is == node::kind::list) {
            for (std::size_t i = 0; i < one.value.items.size(); ++i) {
                const node& item = one.value.items[i];
                if (rules_.size() == most_rules) {
                    return wrong(item.at, "causes", "more than 1000 rules", "delete some");
                }
                rule_reader(*this, file, found).read(item, "causes[" + std::to_string(i) + ']');
            }
        } else if (one.value.is != node::kind::null) {
            wrong(one.value.at, one.key, settings::instead_of("a list", one.value), how_to_begin);
        }
    }
}

void rule_file::load(const std::string& path, settings::report& found) {
    std::error_code ignored;
    if (!std::filesystem::is_directory(path, ignored)) return load_file(path, found);
    const settings::drop_ins list = settings::list_drop_ins(path);
    if (list.result != settings::drop_ins::outcome::read) {
        return found.error({settings::source::file, path, 0, 0}, "", list.message, list.advice);
    }
    for (const std::string& file : list.files) load_file(file, found);
}

void rule_file::load_file(const std::string& path, settings::report& found) {
    const settings::file_bytes got = settings::read_file(path, settings::file_trust::verified);
    if (got.result == settings::file_bytes::outcome::read) return read(got.text, path, found);
    const bool absent = got.result == settings::file_bytes::outcome::absent;
    found.error({settings::source::file, path, 0, 0}, "", absent ? "does not exist" : got.message,
                absent ? "create it, or correct why.rules" : got.advice);
}

namespace {

std::string in_quotes(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') out += '\\';
        out += c;
    }
    return out + '"';
}

std::string text_of(const status_range& range) {
    if (range.first == any_signal.first && range.last == any_signal.last) return "signal";
    if (range.last < 0) return signal_name(-range.last);
    if (range.first == range.last) return std::to_string(range.first);
    return in_quotes(std::to_string(range.first) + '-' + std::to_string(range.last));
}

template <class Item, class Text>
void append_list(std::string& out, const char* key, std::span<const Item> items, Text text) {
    if (items.empty()) return;
    out.append("  ").append(key).append(": [");
    for (const Item& item : items) out += (&item == items.data() ? "" : ", ") + text(item);
    out += "]\n";
}

}  // namespace

std::string yaml_of(std::span<const rule> rules) {
    std::string out = "causes:\n";
    for (const rule& one : rules) {
        const auto add = [&out](const char* key, std::string_view value) {
            if (!value.empty()) out.append("  ").append(key).append(": ").append(value) += '\n';
        };
        const auto flag = [&](const char* key, bool set) { add(key, set ? "true" : ""); };
        out.append("- id: ").append(one.id) += '\n';
        add("class", cause::name_of(one.is));
        add("tool", one.tool);
        add("versions", one.versions.empty() ? "" : in_quotes(one.versions));
        append_list<std::string_view>(out, "line", one.lines, in_quotes);
        append_list<std::string_view>(out, "with", one.with, in_quotes);
        add("own-status", one.own_status < 0 ? "" : std::to_string(one.own_status));
        append_list<status_range>(out, "status", one.statuses, text_of);
        flag("silent", one.silent);
        flag("passed-on", one.passed_on);
        flag("result", one.result);
        add("confidence", cause::name_of(one.sure));
        add("next", in_quotes(one.next));
    }
    return out;
}

}  // namespace fd2::cause
