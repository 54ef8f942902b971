#include "settings/schema.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "settings/keys.hpp"
#include "settings/quantity.hpp"
#include "settings/spelling.hpp"

namespace fd2::settings {
namespace {

using json = nlohmann::ordered_json;

constexpr std::string_view name_pattern = "^[a-z][a-z0-9-]*$";
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
            return {{"anyOf",
                     {{{"type", "string"}, {"pattern", "^/"}},
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

json default_of(const key_info& key) {
    const value v = key.get(settings{});
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

json key_schema(const key_info& key) {
    json out = type_schema(key);
    std::string help(key.help);
    if (key.type == key_type::size || key.type == key_type::duration) {
        help += " From " + range_of(key) + ".";
    }
    out["description"] = help;
    out["default"] = default_of(key);
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

std::string json_schema() {
    json out{{"$schema", "https://json-schema.org/draft/2020-12/schema"},
             {"title", "fd2.yaml"},
             {"description", "Configuration of fd2. Sizes and lengths of time carry their unit."},
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
    return out.dump(2) + '\n';
}

std::string commented_defaults() {
    std::string out =
        "# yaml-language-server: $schema=fd2.schema.json\n"
        "#\n"
        "# Every key of fd2 with its built-in value. Copy what you want to change, and no more, "
        "to\n"
        "# /etc/fd2/fd2.yaml or ~/.config/fd2/fd2.yaml; the later of these wins, then FD2_* "
        "variables\n"
        "# (FD2_CAPTURE_TAIL=1MiB), then options. `fd2 config check FILE` finds mistakes, and\n"
        "# `fd2 config show --origin` tells where each value came from.\n"
        "#\n"
        "# Sizes are whole numbers with B, KiB, MiB, GiB or TiB; lengths of time with ns, us, ms, "
        "s,\n"
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
        out.append(indent).append(top ? key.name : key.name.substr(dot + 1));
        out += ": " + yaml_default(key) + '\n';
    }
    out +=
        "\n# Options of the backends, by backend and option; `fd2 plugins` lists what each takes.\n"
        "options: {}\n";
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
