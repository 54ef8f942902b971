#include "cli/config.hpp"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "base/plain_text.hpp"
#include "base/text_list.hpp"
#include "cli/json_out.hpp"
#include "settings/keys.hpp"
#include "settings/remarks.hpp"
#include "settings/schema.hpp"
#include "settings/values.hpp"

namespace fd2::cli {
namespace {

using nlohmann::ordered_json;
using settings::key_info;
using settings::loaded;
using settings::looked_for;
using settings::origin;
using settings::raw_option;
using settings::source;

/// How the directory beside a configuration file is called.
constexpr std::string_view directory_ending = ".yaml.d";

/// One line of the YAML listing; `at` is null for a section's head.
struct line {
    std::string label;  ///< "  tail: "
    std::string value;
    const origin* at;
    std::string key;  ///< "capture.tail"

    std::string text() const { return label + value; }
};

/// What follows the '#': the origin, with a word for its kind where the name alone does not tell.
std::string described(const origin& at) {
    if (at.layer == source::environment) return "variable " + at.text();
    if (at.layer == source::option) return "option " + at.text();
    return at.text();
}

std::vector<line> listing(const loaded& config) {
    std::vector<line> out;
    std::string section;
    for (const key_info& key : settings::keys()) {
        const auto dot = key.name.find('.');
        const bool top = dot == std::string_view::npos;
        const std::string first(top ? std::string_view() : key.name.substr(0, dot));
        if (!top && first != section) out.push_back({first + ":", {}, nullptr, {}});
        section = first;
        std::string label(top ? "" : "  ");
        label.append(top ? key.name : key.name.substr(dot + 1)).append(": ");
        out.push_back({std::move(label), settings::yaml_of(key, key.get(config.values)),
                       &config.origin_of(key.name), std::string(key.name)});
    }
    if (config.values.options.empty()) return out;
    out.push_back({"options:", {}, nullptr, {}});
    for (const auto& [backend, options] : config.values.options) {
        out.push_back({"  " + backend + ":", {}, nullptr, {}});
        for (const auto& [name, option] : options) {
            out.push_back({"    " + name + ": ", settings::yaml_of(option), &option.at,
                           "options." + backend + '.' + name});
        }
    }
    return out;
}

/// The files that were looked for, as comments: most surprises come from a file in another place.
void show_files(const loaded& config, const screen& terminal, std::ostream& out) {
    for (const auto& [path, found] : config.searched) {
        const std::string head = "# " + plain(path) + ":";
        const std::string state(state_of(found));
        const bool fits =
            terminal.width == 0 || columns_of(head) + 1 + state.size() <= terminal.width;
        out << terminal.paint(ink::dim, head + (fits ? " " : "\n#   ") + state) << '\n';
    }
    if (!config.rules.empty()) {
        out << terminal.paint(ink::dim, "# " + count_of(config.rules.size(), "rule") +
                                            " not applied here: fd2 config explain -- COMMAND")
            << '\n';
    }
    if (config.searched.empty())
        out << terminal.paint(ink::dim, "# no configuration file is used") << '\n';
}

/// A comment that does not fit behind its value goes into the line before it.
void show_yaml(const loaded& config, bool with_origin, const screen& terminal, std::ostream& out) {
    if (with_origin) show_files(config, terminal, out);
    const auto lines = listing(config);
    std::size_t column = 0;
    for (const line& row : lines) {
        const std::size_t end = columns_of(row.text()) + 2;
        if (terminal.width == 0 || end <= terminal.width / 2) column = std::max(column, end);
    }
    for (const line& row : lines) {
        if (!with_origin || row.at == nullptr) {
            out << row.text() << '\n';
            continue;
        }
        const std::string comment = "# " + plain(described(*row.at));
        const std::size_t end = columns_of(row.text());
        const std::size_t start = std::max(column, end + 2);
        if (terminal.width != 0 && start + columns_of(comment) > terminal.width) {
            const std::string indent(row.label.find_first_not_of(' '), ' ');
            out << indent << terminal.paint(ink::dim, comment) << '\n' << row.text() << '\n';
        } else {
            out << row.text() << std::string(start - end, ' ') << terminal.paint(ink::dim, comment)
                << '\n';
        }
    }
}

ordered_json with_origin_of(ordered_json v, const origin& at) {
    static constexpr std::string_view sources[] = {"built-in", "file", "environment", "option"};
    ordered_json out{{"value", std::move(v)},
                     {"source", sources[static_cast<std::size_t>(at.layer)]}};
    if (!at.name.empty()) out["name"] = at.name;
    if (at.line != 0) {
        out["line"] = at.line;
        out["column"] = at.column;
    }
    return out;
}

ordered_json all_as_json(const loaded& config, bool with_origin) {
    ordered_json out = ordered_json::object();
    const auto put = [&](const std::vector<std::string>& path, ordered_json v, const origin& at) {
        ordered_json* place = &out;
        if (!with_origin) {
            for (const std::string& name : path) place = &(*place)[name];
            *place = std::move(v);
            return;
        }
        out[join(path, ".")] = with_origin_of(std::move(v), at);
    };
    for (const key_info& key : settings::keys()) {
        const auto dot = key.name.find('.');
        std::vector<std::string> path{std::string(key.name.substr(0, dot))};
        if (dot != std::string_view::npos) path.emplace_back(key.name.substr(dot + 1));
        put(path, settings::json_of(key, key.get(config.values)), config.origin_of(key.name));
    }
    for (const auto& [backend, options] : config.values.options) {
        for (const auto& [name, option] : options) {
            put({"options", backend, name}, option.text, option.at);
        }
    }
    return out;
}

/// One finding of a check, as a paragraph.
void say(std::ostream& err, std::string_view text, std::size_t width) {
    constexpr std::size_t indent = 4;
    std::string out;
    append_wrapped(out, text, width, 0, indent);
    err << out << '\n';
}

/// `config check` of one file, without what only all of them together tell.
int check_file(const std::string& file, std::ostream& out, std::ostream& err,
               const option_check& options, std::size_t width, const loaded& config) {
    for (const auto& mistake : config.diagnostics) say(err, mistake.text(), width);
    if (const auto found = settings::distrust_of_file(file)) say(err, found->text(), width);
    bool good = config.ok();
    if (options) {
        const option_findings found = options(config.values);
        for (const std::string& reason : found.unchecked) {
            say(err, plain(file + ": warning: " + reason), width);
        }
        for (const std::string& mistake : found.wrong) say(err, mistake, width);
        good = good && found.wrong.empty();
        for (const auto& of_rule : config.options_of_rules) {
            settings::settings alone = config.values;
            alone.options = of_rule;
            alone.why.rules.clear();  // looked at above
            for (const std::string& mistake : options(alone).wrong) {
                say(err, mistake, width);
                good = false;
            }
        }
    }
    if (!good) return 1;
    out << plain(file) << ": ok\n";
    return 0;
}

void say_remarks(const loaded& config, std::ostream& err, std::size_t width) {
    if (const auto remark = settings::remark_on_switch(config)) say(err, remark->text(), width);
    if (const auto remark = settings::remark_on_flag(config)) say(err, remark->text(), width);
}

}  // namespace

std::string_view state_of(looked_for::outcome found) {
    switch (found) {
        case looked_for::outcome::read:
            return "read";
        case looked_for::outcome::absent:
            return "not found";
        case looked_for::outcome::refused:
            return "ignored, no permission to read it";
        case looked_for::outcome::distrusted:
            return "refused, writable by others";
        case looked_for::outcome::left_out:
            return "ignored, it has errors";
        case looked_for::outcome::failed:
            break;
    }
    return "cannot be read";
}

int config_check(const std::string& file, std::ostream& out, std::ostream& err,
                 const settings::backend_finder& backends, const option_check& options,
                 std::size_t width) {
    const loaded config = settings::load_file(file, backends);
    say_remarks(config, err, width);
    return check_file(file, out, err, options, width, config);
}

int config_check_used(const loaded& used, std::ostream& out, std::ostream& err,
                      const settings::backend_finder& backends, const option_check& options,
                      std::size_t width) {
    int status = 0;
    bool checked = false;
    std::vector<std::string> absent;
    for (const auto& [path, result] : used.searched) {
        const bool wrong =
            std::any_of(used.diagnostics.begin(), used.diagnostics.end(),
                        [&name = path](const settings::diagnostic& one) {
                            return one.level == severity::error && one.at.name == name;
                        });
        if (result == looked_for::outcome::absent && !wrong) {
            absent.push_back(path);
            continue;
        }
        checked = true;
        if (path.ends_with(directory_ending)) {
            for (const auto& mistake : used.diagnostics) {
                if (mistake.at.name == path) say(err, mistake.text(), width);
            }
            if (wrong) status = 1;
            continue;
        }
        const loaded config = settings::load_file(path, backends);
        if (check_file(path, out, err, options, width, config) != 0 || wrong) status = 1;
    }
    for (const auto& warning : used.diagnostics) {
        const auto same = [&](const looked_for& file) { return file.path == warning.at.name; };
        if (warning.at.layer == source::file &&
            std::none_of(used.searched.begin(), used.searched.end(), same)) {
            say(err, warning.text(), width);  // a file in the directory that is not read
        }
    }
    say_remarks(used, err, width);
    if (!checked) {
        out << "no configuration file"
            << (absent.empty() ? "" : " (" + plain(join(absent, ", ")) + ")")
            << "; built-in values apply\n";
    }
    return status;
}

int config_show(const loaded& config, bool origin, bool json, const screen& terminal,
                std::ostream& out) {
    if (json) {
        print_json(all_as_json(config, origin), out);
    } else {
        show_yaml(config, origin, terminal, out);
    }
    return config.ok() ? 0 : 1;
}

int config_show_key(const loaded& config, const std::string& key, bool origin, bool json,
                    std::ostream& out, std::ostream& err) {
    const auto lines = listing(config);
    const auto found =
        std::find_if(lines.begin(), lines.end(), [&](const line& one) { return one.key == key; });
    if (found == lines.end()) {
        err << "fd2: config show: " << settings::display(key) << ": ";
        if (const key_info* const meant = settings::nearest_key(key)) {
            err << "unknown key; did you mean " << settings::display(meant->name) << "?\n";
        } else {
            err << (key.starts_with("options.")
                        ? "not set; `fd2 plugins NAME` shows the backend's options and defaults"
                        : "unknown key; `fd2 config show` lists the keys")
                << '\n';
        }
        return 1;
    }
    if (json) {
        const ordered_json value = all_as_json(config, true)[key];
        print_json(origin ? value : value["value"], out);
    } else {
        out << found->value;
        if (origin) out << "  # " << plain(described(*found->at));
        out << '\n';
    }
    return config.ok() ? 0 : 1;
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
