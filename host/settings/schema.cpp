#include "settings/schema.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "settings/keys.hpp"
#include "settings/places.hpp"
#include "settings/quantity.hpp"
#include "settings/values.hpp"

namespace fd2::settings {
namespace {

using json = nlohmann::ordered_json;

constexpr std::string_view name_pattern = "^[a-z][a-z0-9-]*$";
constexpr std::string_view placeholder_pattern = "^/([^%]|%[pcht%])*$";
constexpr std::string_view backend_pattern = "^([a-z][a-z0-9-]*|/(.*[^/])?)$";

/// YAML 1.1 hands an unquoted off to the schema as false.
json with_off(json words) {
    words.push_back(false);
    return words;
}

bool has_off(const key_info& key) {
    for (const auto word : key.choices) {
        if (word == "off") return true;
    }
    return false;
}

json list_schema(json item, bool may_be_empty) {
    json out{{"type", "array"}, {"items", std::move(item)}, {"uniqueItems", true}};
    if (!may_be_empty) out["minItems"] = 1;
    out["maxItems"] = longest_list;
    return out;
}

json type_schema(const key_info& key) {
    switch (key.type) {
        case key_type::boolean:
            return {{"type", "boolean"}};
        case key_type::integer:
            return {{"type", "integer"}, {"minimum", key.minimum}, {"maximum", key.maximum}};
        case key_type::size:
            return {{"type", "string"}, {"pattern", size_pattern}};
        case key_type::duration:
            return {{"type", "string"}, {"pattern", duration_pattern}};
        case key_type::choice: {
            json words = key.choices;
            return {{"enum", has_off(key) ? with_off(std::move(words)) : std::move(words)}};
        }
        case key_type::text:
            return {{"type", "string"}, {"maxLength", key.maximum}, {"pattern", "^[^\\r\\n]*$"}};
        case key_type::file:
            return {
                {"anyOf",
                 {{{"type", "string"},
                   {"pattern", key.choices.empty() ? std::string_view("^/") : placeholder_pattern}},
                  {{"enum", with_off(json::array({"off"}))}}}}};
        case key_type::backends: {
            json item{{"type", "string"}, {"pattern", backend_pattern}};
            item["examples"] = shipped_backends;
            return list_schema(std::move(item), false);
        }
        case key_type::capabilities:
            return list_schema({{"enum", key.choices}}, true);
        case key_type::directories:
            return list_schema({{"type", "string"}, {"pattern", "^/"}}, true);
    }
    return {};
}

json key_schema(const key_info& key) {
    json out = type_schema(key);
    std::string help(key.help);
    if (key.type == key_type::size || key.type == key_type::duration) {
        help += " From " + range_of(key) + ".";
    }
    out["description"] = help;
    out["default"] = json_of(key, key.get(settings{}));
    return out;
}

/// A section may be there with nothing in it, as when all of it is commented out.
json section_schema() {
    return {{"type", json::array({"object", "null"})},
            {"additionalProperties", false},
            {"properties", json::object()}};
}

json options_schema() {
    return {{"type", json::array({"object", "null"})},
            {"description",
             "Options of the backends, by backend and option. `fd2 plugins` lists "
             "what each takes; they are checked when the backend is loaded."},
            {"additionalProperties", false},
            {"patternProperties",
             {{name_pattern,
               {{"type", json::array({"object", "null"})},
                {"additionalProperties", false},
                {"patternProperties",
                 {{name_pattern, {{"type", json::array({"string", "number", "boolean"})}}}}}}}}}};
}

/// One pattern or several.
json patterns_schema(const char* description) {
    const json pattern{{"type", "string"}, {"minLength", 1}};
    return {
        {"description", description},
        {"anyOf",
         {pattern,
          {{"type", "array"}, {"items", pattern}, {"minItems", 1}, {"maxItems", longest_list}}}}};
}

json when_schema() {
    return {
        {"type", json::array({"object", "null"})},
        {"description",
         "The conditions, all of which must be met. Patterns are globs as in fnmatch(3); one that "
         "begins with ! must not match."},
        {"additionalProperties", false},
        {"properties",
         {{"host", patterns_schema("The remote host, as ssh's command line names it.")},
          {"user", patterns_schema("The name of the user who runs fd2.")},
          {"command", patterns_schema("The last part of the command's name.")},
          {"link", patterns_schema("The name of the link that fd2 was called through.")},
          {"terminal",
           {{"type", "boolean"}, {"description", "Whether fd2's stderr is a terminal."}}}}}};
}

json rollout_schema() {
    const json part{{"enum", {"host", "user", "command", "machine"}}};
    return {{"type", json::array({"object", "null"})},
            {"description",
             "Applies the rule to a part of the runs that meet its conditions, always the same "
             "part: those whose bucket is below the percentage."},
            {"additionalProperties", false},
            {"required", {"percent", "by", "salt"}},
            {"properties",
             {{"percent",
               {{"type", "number"},
                {"minimum", 0},
                {"maximum", 100},
                {"description", "At most two decimals."}}},
              {"by",
               {{"description", "What decides about the bucket, in this order."},
                {"anyOf",
                 {part,
                  {{"type", "array"}, {"items", part}, {"minItems", 1}, {"uniqueItems", true}}}}}},
              {"salt",
               {{"type", "string"},
                {"minLength", 1},
                {"description", "Rollouts of the same salt reach the same runs first."}}}}}};
}

/// What a rule sets: the keys above, by reference.
json set_schema(const json& properties) {
    json out{{"type", json::array({"object", "null"})},
             {"description", "Any keys but rules, as they are written for all commands."},
             {"additionalProperties", false},
             {"properties", json::object()}};
    for (const auto& [name, ignored] : properties.items()) {
        out["properties"][name] = {{"$ref", "#/properties/" + name}};
    }
    return out;
}

json rules_schema(const json& properties) {
    json rule{
        {"type", "object"}, {"additionalProperties", false}, {"required", json::array({"set"})}};
    rule["properties"] = {{"name", {{"type", "string"}, {"minLength", 1}, {"maxLength", 64}}},
                          {"when", when_schema()},
                          {"rollout", rollout_schema()},
                          {"set", set_schema(properties)}};
    return {{"type", json::array({"array", "null"})},
            {"description",
             "Settings for some commands only. At most one rule applies, the first whose "
             "conditions are met; those of later files are tried first."},
            {"items", std::move(rule)}};
}

// ---- text
// ----------------------------------------------------------------------------------------

constexpr std::size_t page = 98;

/// The help and the range as comment lines.
std::string comment(const key_info& key, std::string_view indent) {
    std::string words(key.help);
    if (key.type == key_type::size || key.type == key_type::duration ||
        key.type == key_type::integer) {
        words += " (" + range_of(key) + ")";
    }
    std::string out, line = std::string(indent) + "#";
    for (std::size_t i = 0; i < words.size();) {
        const std::size_t end = std::min(words.find(' ', i), words.size());
        if (line.size() + 1 + (end - i) > page) {
            out += line + '\n';
            line = std::string(indent) + "#";
        }
        line += ' ' + words.substr(i, end - i);
        i = end + 1;
    }
    return out + line + '\n';
}

std::string yaml_default(const key_info& key) {
    return yaml_of(key, key.get(settings{}));
}

}  // namespace

json json_of(const key_info& key, const value& v) {
    switch (key.type) {
        case key_type::boolean:
            return std::get<bool>(v);
        case key_type::integer:
            return std::get<std::int64_t>(v);
        case key_type::backends:
        case key_type::capabilities:
        case key_type::directories:
            return items_of(v);
        default:
            return text_of(key, v);
    }
}

std::string json_schema() {
    json out{{"$schema", "https://json-schema.org/draft/2020-12/schema"},
             {"title", "fd2.yaml"},
             {"description", "Configuration of fd2. Sizes and durations need a unit."},
             {"type", json::array({"object", "null"})},
             {"additionalProperties", false},
             {"properties", json::object()}};
    json& properties = out["properties"];
    for (const key_info& key : keys()) {
        const auto dot = key.name.find('.');
        const std::string first(key.name.substr(0, dot));
        if (dot == std::string_view::npos) {
            properties[first] = key_schema(key);
            continue;
        }
        if (!properties.contains(first)) properties[first] = section_schema();
        properties[first]["properties"][std::string(key.name.substr(dot + 1))] = key_schema(key);
    }
    properties["options"] = options_schema();
    properties["rules"] = rules_schema(properties);
    return out.dump(2) + '\n';
}

std::string commented_defaults() {
    std::string out =
        "# yaml-language-server: $schema=fd2.schema.json\n"
        "#\n"
        "# Every key of fd2 with its built-in value. Copy only what you want to change to\n"
        "# " +
        std::string(usual_files) +
        "; the later one wins, then FD2_* variables\n"
        "# (FD2_CAPTURE_TAIL=1MiB), then options. `fd2 config check` finds mistakes, and\n"
        "# `fd2 config show --origin` shows where each value came from.\n"
        "#\n"
        "# Sizes are whole numbers with B, KiB, MiB, GiB or TiB; durations with ns, us, ms, s,\n"
        "# min or h.\n";
    std::string section;
    for (const key_info& key : keys()) {
        const auto dot = key.name.find('.');
        const bool top = dot == std::string_view::npos;
        const std::string first(key.name.substr(0, top ? 0 : dot));
        if (top || first != section) out += '\n';
        if (!top && first != section) out += first + ":\n";
        section = first;
        const std::string_view indent = top ? "" : "  ";
        out += comment(key, indent);
        // Quoted where YAML 1.1 would read something else (`on` is true there).
        out.append(indent).append(yaml_text(top ? key.name : key.name.substr(dot + 1)));
        out += ": " + yaml_default(key) + '\n';
    }
    out +=
        "\n# Options of the backends, by backend and option; `fd2 plugins` lists what each takes.\n"
        "options: {}\n"
        "\n# Settings for some commands only. The first rule whose conditions are met applies, "
        "and\n"
        "# `fd2 config explain -- COMMAND` says which:\n"
        "#   - when: {host: \"web*\"}\n"
        "#     set: {capture: {tail: 1MiB}}\n"
        "rules: []\n";
    return out;
}

std::string reference_table() {
    std::string out =
        "| key | variable | default | values | meaning |\n"
        "|---|---|---|---|---|\n";
    for (const key_info& key : keys()) {
        out += "| `" + std::string(key.name) + "` | `" + variable_of(key) + "` | `" +
               yaml_default(key) + "` | " + range_of(key) + " | " + std::string(key.help) + " |\n";
    }
    return out;
}

}  // namespace fd2::settings
