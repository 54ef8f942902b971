#include "cli/config.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "settings/keys.hpp"
#include "settings/schema.hpp"
#include "settings/spelling.hpp"

namespace fd2::cli {
namespace {

using nlohmann::ordered_json;
using settings::key_info;
using settings::key_type;
using settings::loaded;
using settings::looked_for;
using settings::origin;
using settings::raw_option;
using settings::source;

/// One line of the YAML listing; `from` is null for a section's head.
struct line {
    std::string text;
    const origin* from;
};

/// What stands behind the '#': the source in words where its name does not tell.
std::string described(const origin& from) {
    if (from.from == source::environment) return "variable " + from.text();
    if (from.from == source::option) return "option " + from.text();
    return from.text();
}

std::vector<line> listing(const loaded& what) {
    std::vector<line> out;
    std::string section;
    for (const key_info& key : settings::keys()) {
        const auto dot = key.name.find('.');
        const bool top = dot == std::string_view::npos;
        const std::string first(top ? std::string_view() : key.name.substr(0, dot));
        if (!top && first != section) out.push_back({first + ":", nullptr});
        section = first;
        std::string text(top ? "" : "  ");
        text.append(top ? key.name : key.name.substr(dot + 1)).append(": ");
        text += settings::yaml_of(key, key.get(what.values));
        out.push_back({std::move(text), &what.origin_of(key.name)});
    }
    if (what.values.options.empty()) return out;
    out.push_back({"options:", nullptr});
    for (const auto& [backend, options] : what.values.options) {
        out.push_back({"  " + backend + ":", nullptr});
        for (const auto& [name, option] : options) {
            out.push_back({"    " + name + ": " + settings::yaml_of(option), &option.from});
        }
    }
    return out;
}

std::string_view described(looked_for::outcome found) {
    switch (found) {
        case looked_for::outcome::read:
            return "read";
        case looked_for::outcome::absent:
            return "not there";
        case looked_for::outcome::refused:
            return "left out, we may not read it";
        case looked_for::outcome::failed:
            break;
    }
    return "cannot be read";
}

/// The files that were looked for, as comments: one that is not where fd2 looks explains most.
void show_files(const loaded& what, std::ostream& out) {
    for (const auto& [path, found] : what.searched) {
        std::string shown = path;  // which must not end the comment
        for (char& c : shown) c = static_cast<unsigned char>(c) < 0x20 ? '?' : c;
        out << "# " << shown << ": " << described(found) << '\n';
    }
    if (what.searched.empty()) out << "# no file was looked for\n";
}

void show_yaml(const loaded& what, bool with_origin, std::ostream& out) {
    if (with_origin) show_files(what, out);
    const auto lines = listing(what);
    std::size_t width = 0;
    for (const line& one : lines) width = std::max(width, one.text.size());
    for (const line& one : lines) {
        out << one.text;
        if (with_origin && one.from != nullptr) {
            out << std::string(width - one.text.size() + 2, ' ') << "# " << described(*one.from);
        }
        out << '\n';
    }
}

ordered_json json_of(const key_info& key, const settings::value& v) {
    switch (key.type) {
        case key_type::boolean:
            return std::get<bool>(v);
        case key_type::integer:
            return std::get<std::int64_t>(v);
        case key_type::backends:
        case key_type::capabilities:
        case key_type::directories:
            return settings::items_of(v);
        default:
            return settings::text_of(key, v);
    }
}

ordered_json with_origin_of(ordered_json v, const origin& from) {
    static constexpr std::string_view sources[] = {"built-in", "file", "environment", "option"};
    ordered_json out{{"value", std::move(v)},
                     {"source", sources[static_cast<std::size_t>(from.from)]}};
    if (!from.name.empty()) out["name"] = from.name;
    if (from.line != 0) {
        out["line"] = from.line;
        out["column"] = from.column;
    }
    return out;
}

ordered_json all_as_json(const loaded& what, bool with_origin) {
    ordered_json out = ordered_json::object();
    const auto put = [&](const std::vector<std::string>& path, ordered_json v, const origin& from) {
        ordered_json* place = &out;
        if (!with_origin) {
            for (const std::string& name : path) place = &(*place)[name];
            *place = std::move(v);
            return;
        }
        std::string flat;
        for (const std::string& name : path) flat += (flat.empty() ? "" : ".") + name;
        out[flat] = with_origin_of(std::move(v), from);
    };
    for (const key_info& key : settings::keys()) {
        const auto dot = key.name.find('.');
        std::vector<std::string> path{std::string(key.name.substr(0, dot))};
        if (dot != std::string_view::npos) path.emplace_back(key.name.substr(dot + 1));
        put(path, json_of(key, key.get(what.values)), what.origin_of(key.name));
    }
    for (const auto& [backend, options] : what.values.options) {
        for (const auto& [name, option] : options) {
            put({"options", backend, name}, option.text, option.from);
        }
    }
    return out;
}

}  // namespace

void print_diagnostics(const loaded& what, std::ostream& err) {
    for (const auto& one : what.diagnostics) err << one.text() << '\n';
}

int config_check(const std::string& file, std::ostream& out, std::ostream& err,
                 const settings::backend_finder& backends, const option_check& options) {
    const loaded what = settings::load_file(file, backends);
    print_diagnostics(what, err);
    bool good = what.ok();
    if (options) {
        for (const std::string& one : options(what.values)) {
            err << one << '\n';
            good = false;
        }
    }
    if (!good) return 1;
    out << file << ": ok\n";
    return 0;
}

int config_show(const loaded& what, bool origin, bool json, std::ostream& out) {
    if (json) {
        // A path need not be UTF-8; JSON must.
        out << all_as_json(what, origin).dump(2, ' ', false, ordered_json::error_handler_t::replace)
            << '\n';
    } else {
        show_yaml(what, origin, out);
    }
    return what.ok() ? 0 : 1;
}

int config_schema(std::ostream& out) {
    out << settings::json_schema();
    return 0;
}

int config_defaults(std::ostream& out) {
    out << settings::commented_defaults();
    return 0;
}

}  // namespace fd2::cli
