#include "cli/config_explain.hpp"

#include <optional>
#include <string_view>

#include "base/plain_text.hpp"
#include "base/text_list.hpp"
#include "cli/config.hpp"
#include "cli/json_out.hpp"
#include "cli/step_aside.hpp"
#include "settings/keys.hpp"
#include "settings/rollout.hpp"
#include "settings/schema.hpp"
#include "settings/values.hpp"

namespace fd2::cli {
namespace {

using nlohmann::ordered_json;
using settings::rule_result;

/// A value that is not the built-in one, or that the rule sets.
struct difference {
    std::string key;
    std::string yaml;
    ordered_json json;
    const settings::origin& at;
    bool by_rule;
};

std::vector<difference> differences(const settings::loaded& config) {
    std::vector<difference> out;
    const rule_result* const rule = config.rule();
    const auto by_rule = [&](std::string_view key, const settings::origin& at) {
        if (rule == nullptr) return false;
        for (const auto& [name, place] : rule->sets) {
            if (name == key && place == at) return true;
        }
        return false;
    };
    const settings::settings built_in;
    for (const settings::key_info& key : settings::keys()) {
        const settings::value value = key.get(config.values);
        const settings::origin& at = config.origin_of(key.name);
        const bool ruled = by_rule(key.name, at);
        if (value == key.get(built_in) && !ruled) continue;
        out.push_back({std::string(key.name), settings::yaml_of(key, value),
                       settings::json_of(key, value), at, ruled});
    }
    for (const auto& [backend, options] : config.values.options) {
        for (const auto& [name, option] : options) {
            const std::string key = "options." + backend + '.' + name;
            out.push_back(
                {key, settings::yaml_of(option), option.text, option.at, by_rule(key, option.at)});
        }
    }
    return out;
}

std::string told(const settings::rollout_result& rollout) {
    return "rollout of " + settings::format_percent(rollout.percent) + " percent by " +
           join(rollout.by, ", ") + ", salt " + settings::display(rollout.salt);
}

std::string told(const rule_result& rule) {
    std::string out = rule.text() + ": ";
    switch (rule.result) {
        case rule_result::outcome::applies:
            out += "applies";
            if (rule.rollout) {
                out += ": bucket " + settings::format_percent(rule.rollout->bucket.value_or(0)) +
                       " is below " + settings::format_percent(rule.rollout->percent) + " percent";
            }
            break;
        case rule_result::outcome::differs:
            out += "does not apply: " + rule.why;
            break;
        case rule_result::outcome::shadowed:
            out += "not tried, because an earlier one applies";
            break;
        case rule_result::outcome::unasked:
            out += "not tried";
            break;
    }
    if (rule.rollout) out += " (" + told(*rule.rollout) + ")";
    return out;
}

void print(const explained_run& run, std::ostream& out) {
    const settings::loaded& config = run.config;
    const auto line = [&out](const std::string& text) { out << plain(text) << '\n'; };
    for (const auto& [path, result] : config.searched) {
        line("file " + path + ": " + std::string(state_of(result)));
    }
    if (config.searched.empty()) line("no configuration file is used");
    line("command: " + run.facts.command);
    line("host: " + run.facts.host.value_or("(none)"));
    line("user: " + run.facts.user());
    line("link: " + run.facts.link.value_or("(none)"));
    line(std::string("terminal: ") + (run.facts.terminal ? "true" : "false"));
    for (const rule_result& rule : config.rules) line(told(rule));
    if (config.rules.empty()) line("no rules");
    const auto changed = differences(config);
    if (changed.empty()) line("every value is the built-in one");
    for (const difference& value : changed) {
        line(value.key + ": " + value.yaml + "  # " + value.at.text() +
             (value.by_rule ? ", by the rule" : ""));
    }
    if (!config.values.enabled) line("fd2 is disabled by " + disabled_by(config));
}

ordered_json place_of(const settings::origin& at) {
    return {{"file", at.name}, {"line", at.line}, {"column", at.column}};
}

ordered_json as_percent(std::uint32_t hundredths) {
    return static_cast<double>(hundredths) / 100;
}

ordered_json json_of(const rule_result& rule) {
    static constexpr std::string_view results[] = {"applies", "differs", "shadowed", "not-tried"};
    ordered_json out{{"name", text_or_null(rule.name)},
                     {"at", place_of(rule.at)},
                     {"result", results[static_cast<std::size_t>(rule.result)]},
                     {"why", text_or_null(rule.why)},
                     {"rollout", nullptr}};
    if (!rule.rollout) return out;
    ordered_json& rollout = out["rollout"];
    rollout["percent"] = as_percent(rule.rollout->percent);
    rollout["bucket"] = rule.rollout->bucket ? as_percent(*rule.rollout->bucket) : nullptr;
    rollout["by"] = rule.rollout->by;
    rollout["salt"] = rule.rollout->salt;
    return out;
}

void print_as_json(const explained_run& run, std::ostream& out) {
    const settings::loaded& config = run.config;
    static constexpr std::string_view sources[] = {"built-in", "file", "environment", "option"};
    static constexpr std::string_view results[] = {"read",       "absent", "refused",
                                                   "distrusted", "failed", "left-out"};
    ordered_json all{
        {"schema", "fd2.explain/1"}, {"command", run.command}, {"enabled", config.values.enabled}};
    ordered_json& files = all["files"] = ordered_json::array();
    for (const auto& [path, result] : config.searched) {
        files.push_back({{"path", path}, {"result", results[static_cast<std::size_t>(result)]}});
    }
    all["facts"] = {{"command", run.facts.command},
                    {"host", text_or_null(run.facts.host.value_or(""))},
                    {"user", run.facts.user()},
                    {"link", text_or_null(run.facts.link.value_or(""))},
                    {"terminal", run.facts.terminal}};
    ordered_json& rules = all["rules"] = ordered_json::array();
    for (const rule_result& rule : config.rules) rules.push_back(json_of(rule));
    ordered_json& values = all["values"] = ordered_json::array();
    for (const difference& value : differences(config)) {
        values.push_back({{"key", value.key},
                          {"value", value.json},
                          {"source", sources[static_cast<std::size_t>(value.at.layer)]},
                          {"name", value.at.name},
                          {"line", value.at.line},
                          {"column", value.at.column},
                          {"by_rule", value.by_rule}});
    }
    print_json(all, out);
}

}  // namespace

int config_explain(const explained_run& run, bool json, std::ostream& out) {
    if (json) {
        print_as_json(run, out);
    } else {
        print(run, out);
    }
    return run.config.ok() || run.config.steps_aside() ? 0 : 1;
}

}  // namespace fd2::cli
