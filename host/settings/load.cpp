#include "settings/load.hpp"

#include <algorithm>
#include <cassert>
#include <map>
#include <utility>

#include "base/files.hpp"
#include "settings/assembly.hpp"
#include "settings/drop_ins.hpp"
#include "settings/nearest.hpp"
#include "settings/read_file.hpp"

namespace fd2::settings {
namespace {

constexpr std::string_view fd2_prefix = "FD2_";

/// The variables that matter. The views live as long as the caller's block.
struct surroundings {
    std::vector<variable> fd2;  ///< with a value, each name once (the first, as getenv(3) has it)
    std::string_view config;
    std::string_view xdg_config_home;
    std::string_view home;
};

surroundings look_around(const inputs& input) {
    surroundings out;
    if (input.environment == nullptr) return out;
    for (const char* const* entry = input.environment; *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        const auto equals = text.find('=');
        if (equals == std::string_view::npos || equals + 1 == text.size()) continue;
        const auto name = text.substr(0, equals), word = text.substr(equals + 1);
        if (name == home_variable && out.home.empty()) {
            out.home = word;
        } else if (name == "XDG_CONFIG_HOME" && out.xdg_config_home.empty()) {
            out.xdg_config_home = word;
        } else if (name.starts_with(fd2_prefix)) {
            const auto same = [&](const variable& one) { return one.name == name; };
            if (std::any_of(out.fd2.begin(), out.fd2.end(), same)) continue;
            if (name == "FD2_CONFIG") out.config = word;
            out.fd2.push_back({name, word});
        }
    }
    return out;
}

/// The user's file, or empty. A relative directory is not one (XDG base directory specification).
std::string user_file(const surroundings& around) {
    if (is_absolute(around.xdg_config_home)) {
        return absolute(around.xdg_config_home).append("/fd2/fd2.yaml");
    }
    if (is_absolute(around.home)) return file_at_home(absolute(around.home));
    return {};
}

enum class absence { fine, error };
enum class refusal { warning, error };

/// `otherwise` ends the advice to name another file.
void file_layer(const std::string& path, absence absent, refusal refused, assembly& out,
                std::vector<looked_for>& searched, file_trust trust = file_trust::verified,
                std::string_view otherwise = {}) {
    file_bytes bytes = read_file(path, trust);
    const origin whole{source::file, path, 0, 0};
    looked_for& entry = searched.emplace_back(looked_for{path, looked_for::outcome::read});
    switch (bytes.result) {
        case file_bytes::outcome::absent:
            entry.result = looked_for::outcome::absent;
            if (absent == absence::error) {
                out.found.error(whole, "", "does not exist",
                                "name an existing file" + std::string(otherwise));
            }
            return;
        case file_bytes::outcome::refused:
            entry.result = looked_for::outcome::refused;
            // After `su` without a new HOME this is another user's file. Like git we go on.
            if (refused == refusal::warning) {
                out.found.warning(whole, "", bytes.message, "it is ignored", true);
                return;
            }
            out.found.error(whole, "", bytes.message, "make it readable");
            return;
        case file_bytes::outcome::distrusted:
            entry.result = looked_for::outcome::distrusted;
            out.found.error(whole, "", "refused: " + bytes.message, bytes.advice);
            return;
        case file_bytes::outcome::irregular:
            entry.result = looked_for::outcome::failed;
            out.found.error(whole, "", bytes.message,
                            "name a regular file" + std::string(otherwise));
            return;
        case file_bytes::outcome::failed:
            entry.result = looked_for::outcome::failed;
            out.found.error(whole, "", bytes.message, bytes.advice);
            return;
        case file_bytes::outcome::read:
            break;
    }
    if (auto document = parse_document(bytes.text, path, out.found)) {
        out.files.push_back({path, std::move(*document)});
        apply_file(out.files.back().document, path, out);
    }
}

/// `name` says where the choice of file came from.
void chosen_file(const std::string& path, const origin& name, assembly& out,
                 std::vector<looked_for>& searched) {
    if (path == "none") return;
    if (path.empty()) {
        out.found.error(name, "", "no file name", "write a path, or none to use no file");
        return;
    }
    file_layer(path, absence::error, refusal::error, out, searched, file_trust::verified,
               ", or none to use no file");
}

using paths = std::vector<std::string>;

bool contains(const paths& all, const std::string& path) {
    return std::find(all.begin(), all.end(), path) != all.end();
}

/// The files in the directory beside a usual one. `read_one` reads a file.
template <class ReadOne>
void drop_in_layers(const std::string& directory, refusal refused, assembly& out,
                    std::vector<looked_for>& searched, ReadOne read_one) {
    const drop_ins found = list_drop_ins(directory);
    const origin whole{source::file, directory, 0, 0};
    switch (found.result) {
        case drop_ins::outcome::absent:
            return;
        case drop_ins::outcome::refused:
            searched.push_back({directory, looked_for::outcome::refused});
            if (refused == refusal::warning) {
                out.found.warning(whole, "", found.message, "it is ignored", true);
            } else {
                out.found.error(whole, "", found.message, "make it readable");
            }
            return;
        case drop_ins::outcome::failed:
            searched.push_back({directory, looked_for::outcome::failed});
            out.found.error(whole, "", found.message, found.advice);
            return;
        case drop_ins::outcome::read:
            break;
    }
    for (const std::string& path : found.files) read_one(path);
    for (const std::string& path : found.ignored) {
        out.found.warning({source::file, path, 0, 0}, "", "not read: the name ends in .yml",
                          "rename it to end in .yaml");
    }
}

/// `left_out`: the usual files that are not to be read.
void file_layers(const inputs& input, const surroundings& around, const paths& left_out,
                 assembly& out, std::vector<looked_for>& searched) {
    const auto is_left_out = [&](const std::string& path) {
        const bool yes = contains(left_out, path);
        if (yes) searched.push_back({path, looked_for::outcome::left_out});
        return yes;
    };
    const auto usual_file = [&](const std::string& path, refusal refused) {
        if (!is_left_out(path)) file_layer(path, absence::fine, refused, out, searched);
    };
    const auto usual_files = [&](const std::string& path, refusal refused) {
        if (!has_directory(path)) {
            searched.push_back({path, looked_for::outcome::absent});
            return;
        }
        usual_file(path, refused);
        const std::string directory = path + ".d";
        if (is_left_out(directory)) return;
        drop_in_layers(directory, refused, out, searched,
                       [&](const std::string& one) { usual_file(one, refused); });
    };
    if (input.config) {
        const origin option{source::option, "--config", 0, 0};
        if (input.privileged) {
            out.found.error(option, "", "refused: this process has raised privileges",
                            "run it without set-id bits and file capabilities");
            return;
        }
        chosen_file(*input.config, option, out, searched);
    } else if (!around.config.empty() && !input.privileged) {
        chosen_file(std::string(around.config), {source::environment, "FD2_CONFIG", 0, 0}, out,
                    searched);
    } else {
        usual_files(input.system_file, refusal::error);
        if (input.privileged) return;
        if (const std::string path = user_file(around); !path.empty()) {
            usual_files(path, input.forgiving ? refusal::error : refusal::warning);
        }
    }
}

/// Whether the backends that were named exist. Absolute paths are the loader's business.
void check_backends(const backend_finder& find, assembly& out) {
    std::vector<std::string_view> known(std::begin(shipped_backends), std::end(shipped_backends));
    const auto is_known = [&](const std::string& name) {
        return std::find(known.begin(), known.end(), name) != known.end();
    };
    available_backends found;
    bool asked = false;
    for (const mention& mentioned : out.mentions) {
        if (is_known(mentioned.backend)) continue;
        if (!std::exchange(asked, true) && find) {
            found = find(out.values.plugins.path);
            for (const std::string& name : found.names) {
                if (!is_known(name)) known.push_back(name);
            }
            if (is_known(mentioned.backend)) continue;
        }
        // A backend is mentioned once for each of its options, and reported once.
        const bool said = std::any_of(
            out.found.all().begin(), out.found.all().end(), [&](const diagnostic& other) {
                return other.key == mentioned.key && other.at == mentioned.at;
            });
        if (said) continue;
        if (mentioned.at.layer == source::option && mentioned.alone) {
            out.found.error(mentioned.at, mentioned.key,
                            "unknown backend " + display(mentioned.backend),
                            suggest(mentioned.backend, known));
            continue;
        }
        // Falling back is what a list is for: the same file serves machines with and without it.
        std::string message = "no backend " + display(mentioned.backend);
        for (const std::string& place : found.searched) {
            message += (&place == &found.searched.front() ? " in " : ", ") + place;
        }
        const bool of_a_list = !mentioned.key.starts_with("options.");
        std::string advice = of_a_list ? "it is skipped" : "its options are ignored";
        if (nearest(mentioned.backend, known)) advice += "; " + suggest(mentioned.backend, known);
        out.found.warning(mentioned.at, mentioned.key, std::move(message), std::move(advice));
    }
}

/// Applies the rule that fits, if any: after the rest of its file, and before later files.
std::vector<rule_result> apply_rule(const run_facts* facts, assembly& all) {
    std::vector<rule_result> out;
    if (all.rules.empty()) return out;
    const rule* const found = try_rules(all.rules, facts, out);
    if (found == nullptr) return out;
    assembly again;
    for (const source_file& one : all.files) {
        apply_file(one.document, one.path, again);
        if (one.path == found->at.name) apply_set(found->set, one.path, again);
    }
    all.values = std::move(again.values);
    all.origins = std::move(again.origins);
    all.mentions = std::move(again.mentions);
    return out;
}

loaded finish(assembly& all, const backend_finder& find, std::vector<looked_for> searched,
              std::vector<rule_result> rules) {
    check_backends(find, all);
    std::vector<std::string> files;
    for (const looked_for& file : searched) {
        if (file.result == looked_for::outcome::read) files.push_back(file.path);
    }
    return {std::move(all.values),  all.found.take(),    std::move(files), {},
            std::move(all.origins), std::move(searched), std::move(rules), {}};
}

loaded load_layers(const inputs& input, const surroundings& around, const paths& left_out) {
    assembly all;
    std::vector<looked_for> searched;
    file_layers(input, around, left_out, all, searched);
    auto rules = apply_rule(input.facts, all);
    if (input.privileged) {
        for (const variable& one : around.fd2) {
            all.found.warning({source::environment, std::string(one.name), 0, 0}, "",
                              "ignored: this process has raised privileges");
        }
    } else if (!around.fd2.empty()) {
        apply_environment(around.fd2, all);
    }
    if (!input.options.empty()) apply_options(input.options, all);
    return finish(all, input.backends, std::move(searched), std::move(rules));
}

/// A warning for each file with mistakes, which tells the first of them.
std::vector<diagnostic> mistaken_files(const loaded& config) {
    std::vector<diagnostic> out;
    for (const diagnostic& mistake : config.diagnostics) {
        if (mistake.level != severity::error || mistake.at.layer != source::file) continue;
        const auto same = [&](const diagnostic& other) { return other.at.name == mistake.at.name; };
        if (std::any_of(out.begin(), out.end(), same)) continue;
        diagnostic& said = out.emplace_back(mistake);
        said.level = severity::warning;
        if (!said.advice.empty()) said.message += "; " + said.advice;
        said.advice = "this file is ignored";
    }
    return out;
}

}  // namespace

bool loaded::ok() const noexcept {
    return std::none_of(diagnostics.begin(), diagnostics.end(),
                        [](const diagnostic& one) { return one.level == severity::error; });
}

bool loaded::steps_aside() const noexcept {
    return !values.enabled &&
           std::none_of(diagnostics.begin(), diagnostics.end(), [](const diagnostic& one) {
               return one.level == severity::error && one.at.layer == source::option;
           });
}

const rule_result* loaded::rule() const noexcept {
    const auto found = std::find_if(rules.begin(), rules.end(), [](const rule_result& one) {
        return one.result == rule_result::outcome::applies;
    });
    return found == rules.end() ? nullptr : &*found;
}

const origin& loaded::origin_of(std::string_view name) const {
    const key_info* key = find_key(name);
    assert(key != nullptr);
    return origins[index_of(*key)];
}

loaded load(const inputs& input) {
    const surroundings around = look_around(input);
    loaded out = load_layers(input, around, {});
    const bool chosen = input.config || (!around.config.empty() && !input.privileged);
    if (out.ok() || !input.forgiving || chosen || out.steps_aside()) return out;
    auto mistaken = mistaken_files(out);
    if (mistaken.empty()) return out;
    paths left_out;
    for (const diagnostic& mistake : mistaken) left_out.push_back(mistake.at.name);
    out = load_layers(input, around, left_out);
    out.left_out = std::move(mistaken);
    return out;
}

loaded load_file(const std::string& path, const backend_finder& backends) {
    assembly all;
    std::vector<looked_for> searched;
    file_layer(path, absence::error, refusal::error, all, searched, file_trust::unchecked);
    auto rules = apply_rule(nullptr, all);
    std::vector<std::map<std::string, option_map, std::less<>>> options;
    for (rule& one : all.rules) {
        all.mentions.insert(all.mentions.end(), one.mentions.begin(), one.mentions.end());
        options.push_back(std::move(one.options));
    }
    loaded out = finish(all, backends, std::move(searched), std::move(rules));
    out.options_of_rules = std::move(options);
    return out;
}

std::optional<diagnostic> distrust_of_file(const std::string& path) {
    file_bytes found = check_trust(path);
    if (found.result != file_bytes::outcome::distrusted) return std::nullopt;
    diagnostic out;
    out.level = severity::warning;
    out.at = {source::file, path, 0, 0};
    out.message = "would be refused when it is used: " + found.message;
    out.advice = std::move(found.advice);
    return out;
}

}  // namespace fd2::settings
