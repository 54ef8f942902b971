#include "settings/load.hpp"

#include <algorithm>
#include <cassert>
#include <map>
#include <utility>

#include "settings/layers.hpp"
#include "settings/nearest.hpp"
#include "settings/read_file.hpp"

namespace fd2::settings {
namespace {

constexpr std::string_view prefix = "FD2_";

/// What the environment has to say. The views live as long as the caller's block.
struct surroundings {
    std::vector<variable> fd2;  ///< with a value, each name once (the first, as getenv(3) has it)
    std::string_view config;
    std::string_view xdg_config_home;
    std::string_view home;
};

surroundings look_around(const inputs& from) {
    surroundings out;
    if (from.environment == nullptr) return out;
    for (const char* const* entry = from.environment; *entry != nullptr; ++entry) {
        const std::string_view text(*entry);
        const auto equals = text.find('=');
        if (equals == std::string_view::npos || equals + 1 == text.size()) continue;
        const auto name = text.substr(0, equals), word = text.substr(equals + 1);
        if (name == "HOME" && out.home.empty()) {
            out.home = word;
        } else if (name == "XDG_CONFIG_HOME" && out.xdg_config_home.empty()) {
            out.xdg_config_home = word;
        } else if (name.starts_with(prefix)) {
            const auto same = [&](const variable& one) { return one.name == name; };
            if (std::any_of(out.fd2.begin(), out.fd2.end(), same)) continue;
            const auto& foreign = from.foreign_variables;
            if (std::find(foreign.begin(), foreign.end(), name) != foreign.end()) continue;
            if (name == "FD2_CONFIG") out.config = word;
            out.fd2.push_back({name, word});
        }
    }
    return out;
}

/// The user's file, or empty. A relative directory is not one (XDG base directory specification).
std::string user_file(const surroundings& around) {
    constexpr std::string_view name = "/fd2/fd2.yaml";
    if (around.xdg_config_home.starts_with('/')) {
        return std::string(around.xdg_config_home).append(name);
    }
    if (around.home.starts_with('/')) return std::string(around.home) + "/.config" + name.data();
    return {};
}

enum class absence { fine, error };
enum class refusal { warning, error };

void file_layer(const std::string& path, absence absent, refusal refused, assembly& out,
                std::vector<looked_for>& searched) {
    file_bytes bytes = read_file(path);
    const origin whole{source::file, path, 0, 0};
    looked_for& entry = searched.emplace_back(looked_for{path, looked_for::outcome::read});
    switch (bytes.result) {
        case file_bytes::outcome::absent:
            entry.result = looked_for::outcome::absent;
            if (absent == absence::error) {
                out.found.error(whole, "", "does not exist",
                                "name a file that does, or none to use no file");
            }
            return;
        case file_bytes::outcome::refused:
            entry.result = looked_for::outcome::refused;
            // Whoever changed the user but not HOME cannot read another's file: git, too, goes on.
            if (refused == refusal::warning) {
                out.found.warning(whole, "", bytes.message, "it is left out");
                return;
            }
            out.found.error(whole, "", bytes.message, "make it readable");
            return;
        case file_bytes::outcome::failed:
            entry.result = looked_for::outcome::failed;
            out.found.error(whole, "", bytes.message, bytes.way_out);
            return;
        case file_bytes::outcome::read:
            break;
    }
    if (const auto document = parse_document(bytes.text, path, out.found)) {
        apply_file(*document, path, out);
    }
}

/// `name` says where the choice of file came from.
void chosen_file(const std::string& path, const origin& name, assembly& out,
                 std::vector<looked_for>& searched) {
    if (path == "none") return;
    if (path.empty()) {
        out.found.error(name, "", "names no file", "write a path, or none to use no file");
        return;
    }
    file_layer(path, absence::error, refusal::error, out, searched);
}

void file_layers(const inputs& from, const surroundings& around, assembly& out,
                 std::vector<looked_for>& searched) {
    if (from.config) {
        const origin option{source::option, "--config", 0, 0};
        if (from.privileged) {
            out.found.error(option, "", "refused: this process has raised privileges",
                            "run it without set-id bits and file capabilities");
            return;
        }
        chosen_file(*from.config, option, out, searched);
    } else if (!around.config.empty() && !from.privileged) {
        chosen_file(std::string(around.config), {source::environment, "FD2_CONFIG", 0, 0}, out,
                    searched);
    } else {
        file_layer(from.system_file, absence::fine, refusal::error, out, searched);
        if (from.privileged) return;
        if (const std::string path = user_file(around); !path.empty()) {
            file_layer(path, absence::fine, refusal::warning, out, searched);
        }
    }
}

/// Whether the backends that were named exist. Absolute paths are the loader's business.
void check_backends(const backend_finder& find, assembly& out) {
    std::vector<std::string_view> known(std::begin(shipped_backends), std::end(shipped_backends));
    const auto is_known = [&](const std::string& name) {
        return std::find(known.begin(), known.end(), name) != known.end();
    };
    std::vector<std::string> found;
    bool asked = false;
    for (const mention& one : out.mentions) {
        if (is_known(one.backend)) continue;
        if (!std::exchange(asked, true) && find) {
            found = find(out.values.plugins.path);
            for (const std::string& name : found) {
                if (!is_known(name)) known.push_back(name);
            }
            if (is_known(one.backend)) continue;
        }
        // An option's backend is mentioned once an option: said once.
        const bool said = std::any_of(
            out.found.all().begin(), out.found.all().end(),
            [&](const diagnostic& other) { return other.key == one.key && other.at == one.at; });
        if (said) continue;
        out.found.error(one.at, one.key, "unknown backend " + display(one.backend),
                        suggest(one.backend, known));
    }
}

loaded finish(assembly& all, const backend_finder& find, std::vector<looked_for> searched) {
    check_backends(find, all);
    std::vector<std::string> files;
    for (const looked_for& one : searched) {
        if (one.result == looked_for::outcome::read) files.push_back(one.path);
    }
    return {std::move(all.values), all.found.take(), std::move(files), std::move(all.origins),
            std::move(searched)};
}

}  // namespace

bool loaded::ok() const noexcept {
    return std::none_of(diagnostics.begin(), diagnostics.end(),
                        [](const diagnostic& one) { return one.level == severity::error; });
}

const origin& loaded::origin_of(std::string_view name) const {
    const key_info* key = find_key(name);
    assert(key != nullptr);
    return origins[index_of(*key)];
}

loaded load(const inputs& from) {
    assembly all;
    std::vector<looked_for> searched;
    const surroundings around = look_around(from);
    file_layers(from, around, all, searched);
    if (from.privileged) {
        for (const variable& one : around.fd2) {
            all.found.warning({source::environment, std::string(one.name), 0, 0}, "",
                              "left out: this process has raised privileges");
        }
    } else if (!around.fd2.empty()) {
        apply_environment(around.fd2, all);
    }
    if (!from.options.empty()) apply_options(from.options, all);
    return finish(all, from.backends, std::move(searched));
}

loaded load_file(const std::string& path, const backend_finder& backends) {
    assembly all;
    std::vector<looked_for> searched;
    file_layer(path, absence::error, refusal::error, all, searched);
    return finish(all, backends, std::move(searched));
}

}  // namespace fd2::settings
