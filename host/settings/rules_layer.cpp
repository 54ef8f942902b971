// The list `rules:` of a configuration file.
#include <algorithm>
#include <iterator>
#include <utility>

#include "settings/assembly.hpp"
#include "settings/nearest.hpp"
#include "settings/rollout.hpp"

namespace fd2::settings {
namespace {

constexpr std::string_view parts_of_rule[] = {"name", "when", "rollout", "set"};
constexpr std::string_view parts_of_rollout[] = {"percent", "by", "salt"};
constexpr std::string_view parts_of_key[] = {"host", "user", "command", "machine"};
constexpr std::string_view parts_of_when[] = {"host", "user", "command", "link", "terminal"};
constexpr std::size_t longest_name = 64;
constexpr const char* how_to_roll_out =
    "write `rollout: { percent: 10, by: [host], salt: \"a name\" }`";

/// Hundredths of a percent: a whole number, or one with one or two decimals.
std::optional<std::uint32_t> percent_of(std::string_view text) {
    const auto dot = text.find('.');
    const std::string_view whole = text.substr(0, dot);
    const std::string_view rest =
        dot == std::string_view::npos ? std::string_view() : text.substr(dot + 1);
    const auto digits = [](std::string_view part) {
        return !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
    };
    if (!digits(whole) || whole.size() > 3 || (whole.size() > 1 && whole.front() == '0')) {
        return std::nullopt;
    }
    if (dot != std::string_view::npos && (!digits(rest) || rest.size() > 2)) return std::nullopt;
    std::uint32_t out = 0;
    for (const char c : whole) out = out * 10 + static_cast<std::uint32_t>(c - '0');
    for (std::size_t i = 0; i < 2; ++i) {
        out = out * 10 + static_cast<std::uint32_t>(i < rest.size() ? rest[i] - '0' : 0);
    }
    return out <= buckets ? std::optional(out) : std::nullopt;
}

/// Reads one rule, and reports what is wrong with it.
class rule_reader {
  public:
    rule_reader(const std::string& file, assembly& out) : file_(file), out_(out) {}

    void read(const node& what, std::string path) {
        path_ = std::move(path);
        if (what.is != node::kind::mapping) {
            wrong(what.at, "", std::string(kind_name(what)) + " where a rule is expected",
                  "write `- when: { host: web1 }`, and below when, `set: { KEY: VALUE }`");
            return;
        }
        rule_.at = at(what.at);
        bool complete = false;
        for (const member& one : what.members) {
            if (one.key == "name") {
                name(one);
            } else if (one.key == "when") {
                if (is_mapping(one, "write `when: { host: web1 }`")) when(one.value);
            } else if (one.key == "rollout") {
                if (is_mapping(one, how_to_roll_out)) rollout(one);
            } else if (one.key == "set") {
                complete = true;
                if (is_mapping(one, "write `set: { KEY: VALUE }`")) set(one.value);
            } else {
                wrong(one.at, one.key, "unknown key", suggest(one.key, parts_of_rule));
            }
        }
        if (!complete) {
            wrong(what.at, "", "has no set",
                  "write `set: { KEY: VALUE }`, or `set: {}` to exempt commands from "
                  "later rules");
        }
        out_.rules.push_back(std::move(rule_));
    }

  private:
    origin at(const place& where) const { return {source::file, file_, where.line, where.column}; }

    /// With a mistake in its conditions a rule might apply to more than it should.
    void wrong(const place& where, std::string_view key, std::string message, std::string advice) {
        rule_.broken = true;
        out_.found.error(at(where), below(path_, key), std::move(message), std::move(advice));
    }

    /// A part that holds nothing is as good as one that is absent.
    bool is_mapping(const member& one, std::string advice) {
        if (one.value.is == node::kind::mapping) return true;
        if (one.value.is != node::kind::null) {
            wrong(one.value.at, one.key,
                  std::string(kind_name(one.value)) + " where a mapping is expected",
                  std::move(advice));
        }
        return false;
    }

    void name(const member& one) {
        const node& what = one.value;
        constexpr const char* advice = "write a few words on one line, such as web-servers";
        if (what.is != node::kind::scalar) {
            wrong(place_of(one, what), "name", instead_of("a single value", what), advice);
        } else if (what.text.empty() || what.text.size() > longest_name ||
                   what.text.find('\n') != std::string::npos) {
            wrong(what.at, "name", display(what.text) + " is not 1 to 64 bytes on one line",
                  advice);
        } else if (is_text(what, "name")) {
            rule_.name = what.text;
        }
    }

    /// To other readers of YAML an unquoted 10 is a number, and no is false.
    bool is_text(const node& what, const std::string& key) {
        if (guess(what.text, what.quoted) == scalar_guess::text) return true;
        wrong(what.at, key, display(what.text) + " would be read as something other than text",
              "put it in quotes");
        return false;
    }

    void when(const node& what) {
        path_ += ".when";
        for (const member& one : what.members) {
            if (one.key == "terminal") {
                terminal(one);
            } else if (auto* const into = patterns_of(one.key)) {
                *into = patterns(one);
            } else {
                wrong(one.at, one.key, "unknown condition", suggest(one.key, parts_of_when));
            }
        }
        path_.resize(path_.size() - std::string_view(".when").size());
    }

    std::optional<std::vector<std::string>>* patterns_of(std::string_view key) {
        if (key == "host") return &rule_.host;
        if (key == "user") return &rule_.user;
        if (key == "command") return &rule_.command;
        if (key == "link") return &rule_.link;
        return nullptr;
    }

    void terminal(const member& one) {
        if (one.value.is != node::kind::scalar) {
            wrong(one.at, one.key, "is not a boolean", "write true or false");
            return;
        }
        auto got = to_bool({one.value.text, one.value.quoted, at(one.value.at)});
        if (got.value) {
            rule_.terminal = *got.value;
        } else {
            wrong(one.value.at, one.key, std::move(got.wrong.message), std::move(got.wrong.advice));
        }
    }

    std::vector<std::string> patterns(const member& one) {
        constexpr const char* advice = "write a pattern such as \"web*\", or a list of them";
        std::vector<std::string> out;
        const auto add = [&](const node& what, const std::string& key) {
            if (what.is != node::kind::scalar) {
                wrong(place_of(one, what), key, instead_of("a pattern", what), advice);
            } else if (what.text.empty() || what.text == "!") {
                wrong(what.at, key, display(what.text) + " matches nothing", advice);
            } else if (is_text(what, key)) {
                out.push_back(what.text);
            }
        };
        if (one.value.is != node::kind::list) {
            add(one.value, one.key);
        } else if (one.value.items.empty() || one.value.items.size() > longest_list) {
            wrong(one.value.at, one.key,
                  "the list has " + std::to_string(one.value.items.size()) + " patterns",
                  "write 1 to " + std::to_string(longest_list));
        } else {
            for (std::size_t i = 0; i < one.value.items.size(); ++i) {
                add(one.value.items[i], one.key + '[' + std::to_string(i) + ']');
            }
        }
        const bool negated = std::all_of(
            out.begin(), out.end(), [](const std::string& each) { return each.starts_with('!'); });
        if (negated && !out.empty()) {
            out_.found.warning(at(one.value.at), below(path_, one.key),
                               "only negated patterns: the rule never applies",
                               "add a pattern that matches, such as \"*\"");
        }
        return out;
    }

    void rollout(const member& section) {
        rollout_result out;
        path_ += ".rollout";
        bool percent = false;
        for (const member& one : section.value.members) {
            const node& what = one.value;
            if (one.key == "percent") {
                const auto got = what.is == node::kind::scalar && !what.quoted
                                     ? percent_of(what.text)
                                     : std::nullopt;
                percent = true;
                out.percent = got.value_or(0);
                if (!got) {
                    wrong(place_of(one, what), one.key,
                          what.is == node::kind::scalar
                              ? display(what.text) + " is not a percentage"
                              : std::string(kind_name(what)) + " where a number is expected",
                          "write 0 to 100 with at most two decimals, without quotes and without a "
                          "percent sign, such as 10 or 0.5");
                }
            } else if (one.key == "by") {
                out.by = parts(one);
            } else if (one.key == "salt") {
                if (what.is != node::kind::scalar || what.text.empty()) {
                    wrong(one.at, one.key, "is not text", "write a name, such as salt: pipe-2026");
                } else if (is_text(what, one.key)) {
                    out.salt = what.text;
                }
            } else {
                wrong(one.at, one.key, "unknown key", suggest(one.key, parts_of_rollout));
            }
        }
        const auto needs = [&](bool given, std::string_view key, std::string advice) {
            const auto same = [&](const member& one) { return one.key == key; };
            if (given ||
                std::any_of(section.value.members.begin(), section.value.members.end(), same)) {
                return;
            }
            wrong(section.at, "", "has no " + std::string(key), std::move(advice));
        };
        needs(percent, "percent", how_to_roll_out);
        needs(!out.by.empty(), "by", "write by: [host], or others of host, user, command, machine");
        needs(!out.salt.empty(), "salt",
              "write a name, such as salt: pipe-2026; with the same name other rules reach the "
              "same hosts first");
        path_.resize(path_.size() - std::string_view(".rollout").size());
        rule_.rollout = std::move(out);
    }

    /// What a rollout is by: one word or a list of them.
    std::vector<std::string> parts(const member& one) {
        std::vector<std::string> out;
        const auto add = [&](const node& what, const std::string& key) {
            const bool known = what.is == node::kind::scalar &&
                               std::find(std::begin(parts_of_key), std::end(parts_of_key),
                                         what.text) != std::end(parts_of_key);
            if (!known) {
                wrong(place_of(one, what), key,
                      what.is == node::kind::scalar
                          ? display(what.text) + " is not a valid name"
                          : std::string(kind_name(what)) + " where a name is expected",
                      suggest(what.text, parts_of_key));
            } else if (std::find(out.begin(), out.end(), what.text) != out.end()) {
                wrong(what.at, key, display(what.text) + " is listed twice", "delete one of them");
            } else {
                out.push_back(what.text);
            }
        };
        if (one.value.is != node::kind::list) {
            add(one.value, one.key);
        } else if (one.value.items.empty()) {
            wrong(one.value.at, one.key, "the list is empty",
                  "write by: [host], or others of host, user, command, machine");
        } else {
            for (std::size_t i = 0; i < one.value.items.size(); ++i) {
                add(one.value.items[i], one.key + '[' + std::to_string(i) + ']');
            }
        }
        return out;
    }

    /// Sets the keys in an assembly of their own: that is what is wrong with them, and where they
    /// stand.
    void set(const node& what) {
        assembly alone;
        alone.found = std::move(out_.found);
        apply_set(what, file_, alone);
        out_.found = std::move(alone.found);
        for (const key_info& key : keys()) {
            const origin& place = alone.origins[index_of(key)];
            if (place.layer != source::built_in) rule_.sets.emplace_back(key.name, place);
        }
        for (const auto& [backend, options] : alone.values.options) {
            for (const auto& [name, option] : options) {
                rule_.sets.emplace_back("options." + backend + '.' + name, option.at);
            }
        }
        rule_.options = std::move(alone.values.options);
        rule_.mentions = std::move(alone.mentions);
        rule_.set = what;
    }

    const std::string& file_;
    assembly& out_;
    std::string path_;
    rule rule_;
};

}  // namespace

void read_rules(const node& list, const std::string& file, assembly& out) {
    if (list.is == node::kind::null) return;
    if (list.is != node::kind::list) {
        out.found.error({source::file, file, list.at.line, list.at.column}, "rules",
                        std::string(kind_name(list)) + " where a list is expected",
                        "begin each rule with a hyphen: `- when: { host: web1 }`, and below when, "
                        "`set: { KEY: VALUE }`");
        return;
    }
    for (std::size_t i = 0; i < list.items.size(); ++i) {
        rule_reader(file, out).read(list.items[i], "rules[" + std::to_string(i) + ']');
    }
}

}  // namespace fd2::settings
