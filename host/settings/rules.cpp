#include "settings/rules.hpp"

#include <algorithm>

#include "base/text_list.hpp"
#include "settings/assembly.hpp"
#include "settings/rollout.hpp"
#include "settings/wildcard.hpp"

namespace fd2::settings {
namespace {

/// Why a condition on `text` is not met; empty if it is. `absent` is said where there is no text.
std::string unmet(const std::optional<std::vector<std::string>>& patterns, std::string_view what,
                  const std::optional<std::string>& text, std::string_view absent) {
    if (!patterns) return {};
    if (!text) return std::string(absent);
    if (matches_patterns(*patterns, *text)) return {};
    return std::string(what) + ' ' + display(*text) + " does not match " + join(*patterns, ", ");
}

/// The key that decides about a rollout: its parts, separated by colons. None if one is missing.
std::optional<std::string> key_of(const rollout_result& rollout, const run_facts& facts) {
    std::string out;
    for (const std::string& part : rollout.by) {
        if (&part != &rollout.by.front()) out += ':';
        if (part == "host") {
            if (!facts.host) return std::nullopt;
            out += *facts.host;
        } else if (part == "user") {
            out += facts.user();
        } else if (part == "command") {
            out += facts.command;
        } else {
            out += facts.machine();
        }
    }
    return out;
}

/// Why the rollout does not reach this run; empty if it does.
std::string left_out(rollout_result& rollout, const run_facts& facts) {
    const auto key = key_of(rollout, facts);
    if (!key) return "the rollout is by host, and the command names no remote host";
    rollout.bucket = bucket_of(rollout.salt, *key);
    if (*rollout.bucket < rollout.percent) return {};
    return "bucket " + format_percent(*rollout.bucket) + " is not below " +
           format_percent(rollout.percent) + " percent";
}

/// Why the conditions of a rule are not met; empty if they are.
std::string difference(const rule& one, const run_facts& facts) {
    if (one.broken) return "it has a mistake";
    std::string why = unmet(one.host, "host", facts.host, "the command names no remote host");
    if (why.empty()) why = unmet(one.command, "command", facts.command, "");
    if (why.empty()) why = unmet(one.link, "link", facts.link, "fd2 was not called through a link");
    if (why.empty() && one.terminal && *one.terminal != facts.terminal) {
        why = facts.terminal ? "stderr is a terminal" : "stderr is not a terminal";
    }
    // Last, because it is the one that costs something.
    if (why.empty() && one.user) why = unmet(one.user, "user", facts.user(), "");
    return why;
}

}  // namespace

bool matches_patterns(const std::vector<std::string>& patterns, std::string_view text) {
    const std::string whole(text);
    bool found = false;
    for (const std::string& one : patterns) {
        const bool negated = one.starts_with('!');
        if (!matches_wildcard(negated ? one.substr(1) : one, whole)) continue;
        if (negated) return false;
        found = true;
    }
    return found;
}

std::string rule_result::text() const {
    return "rule " + (name.empty() ? at.text() : display(name) + " (" + at.text() + ")");
}

const rule* try_rules(const std::vector<rule>& all, const run_facts* facts,
                      std::vector<rule_result>& results) {
    // They are in the order of the files. Those of the last file come first.
    std::vector<const rule*> order;
    for (const rule& one : all) order.push_back(&one);
    for (auto begin = order.begin(); begin != order.end();) {
        const auto end = std::find_if(begin, order.end(), [&](const rule* other) {
            return other->at.name != (*begin)->at.name;
        });
        std::reverse(begin, end);
        begin = end;
    }
    std::reverse(order.begin(), order.end());

    const rule* found = nullptr;
    for (const rule* one : order) {
        rule_result& told = results.emplace_back();
        told.name = one->name;
        told.at = one->at;
        told.sets = one->sets;
        told.rollout = one->rollout;
        if (facts == nullptr) continue;
        if (found != nullptr) {
            told.result = rule_result::outcome::shadowed;
            continue;
        }
        told.why = difference(*one, *facts);
        if (told.why.empty() && told.rollout) told.why = left_out(*told.rollout, *facts);
        told.result =
            told.why.empty() ? rule_result::outcome::applies : rule_result::outcome::differs;
        if (told.why.empty()) found = one;
    }
    return found;
}

}  // namespace fd2::settings
