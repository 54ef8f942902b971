// The two layers that are made of plain words: FD2_* variables and options.
#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "base/files.hpp"
#include "settings/assembly.hpp"
#include "settings/nearest.hpp"
#include "settings/places.hpp"

namespace fd2::settings {
namespace {

constexpr std::string_view prefix = "FD2_";
constexpr std::string_view options_prefix = "options.";
constexpr std::string_view features_prefix = "features.";
constexpr std::string_view both_lists[] = {"backends.sync", "backends.async"};

std::string_view trimmed(std::string_view text) noexcept {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
    return text;
}

/// Empty pieces vanish: "a,,b" and a colon at the end are common and harmless, and an empty
/// directory never means the working one.
std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> out;
    while (!text.empty()) {
        const auto end = std::min(text.find(separator), text.size());
        if (const auto piece = trimmed(text.substr(0, end)); !piece.empty()) out.push_back(piece);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return out;
}

/// A path on the command line or in a variable is the caller's: a relative one is relative to the
/// working directory. (One that begins with ~ is a mistake: the shell did not expand it.)
std::string absolute_path(std::string_view written) {
    return written.starts_with('~') ? std::string(written) : absolute(written);
}

/// The items of a list.
std::vector<scalar> list_of(const key_info& key, std::string_view text, const origin& at) {
    std::vector<scalar> out;
    const bool are_paths = key.type == key_type::directories;
    for (const auto piece : split(text, are_paths ? between_directories : ',')) {
        out.push_back({are_paths ? absolute_path(piece) : std::string(piece), false, at});
    }
    return out;
}

void assign(const key_info& key, std::string_view text, const origin& at, assembly& out,
            bool append = false) {
    if (key.is_list()) {
        out.assign(key, list_of(key, text, at), at, append);
        return;
    }
    std::string written(text);
    const bool is_path = key.type == key_type::file && written != "off" &&
                         !to_bool({written, false, at}).value;  // `no` is another `off`
    if (is_path) written = absolute_path(text);
    out.assign(key, {std::move(written), false, at});
}

/// "BACKEND.OPTION" and its value.
void assign_option(std::string_view path, std::string_view text, const origin& at, assembly& out) {
    const auto dot = path.find('.');
    if (dot == std::string_view::npos) {
        const bool whole_key = at.layer == source::option;  // --set; FD2_OPTIONS omits "options."
        out.found.error(
            at, std::string(options_prefix) + std::string(path), "does not name an option",
            whole_key ? "write options.BACKEND.OPTION=VALUE" : "write BACKEND.OPTION=VALUE");
        return;
    }
    out.assign_option(path.substr(0, dot), path.substr(dot + 1), {std::string(text), false, at}, at,
                      at);
}

/// "name=value,name=value": calls `each(name, value)`.
template <class Each>
void pairs(std::string_view text, const origin& at, std::string_view key, std::string_view example,
           assembly& out, Each each) {
    for (const auto piece : split(text, ',')) {
        const auto equals = piece.find('=');
        if (equals == std::string_view::npos) {
            out.found.error(at, std::string(key), display(piece) + " has no value",
                            "write a pair such as " + std::string(example));
            continue;
        }
        each(trimmed(piece.substr(0, equals)), trimmed(piece.substr(equals + 1)));
    }
}

/// FD2_DISABLE=1 is `enabled: false`.
void assign_disable(std::string_view text, const origin& at, assembly& out) {
    const auto disable = to_bool({std::string(text), false, at});
    if (!disable.value) {
        out.found.error(at, "enabled", disable.wrong.message, "write 1, or 0 to enable fd2");
        return;
    }
    out.assign(*find_key("enabled"), {*disable.value ? "false" : "true", false, at});
}

void assign_features(std::string_view text, const origin& at, assembly& out) {
    pairs(text, at, "features", "ssh-socketpair-stderr=on", out,
          [&](std::string_view name, std::string_view word) {
              const std::string full = std::string(features_prefix) + std::string(name);
              if (const key_info* key = find_key(full)) {
                  assign(*key, word, at, out);
                  return;
              }
              std::vector<std::string_view> features;
              for (const key_info& feature : keys()) {
                  if (feature.name.starts_with(features_prefix)) {
                      features.push_back(feature.name.substr(features_prefix.size()));
                  }
              }
              out.found.error(at, full, "unknown feature", suggest(name, features));
          });
}

/// Both lists take the same words, so what is wrong with them is said once, and of neither.
void assign_backends(std::string_view text, const origin& at, assembly& out) {
    for (const auto name : both_lists) {
        const key_info& key = *find_key(name);
        const std::size_t mentioned = out.mentions.size();
        if (!out.assign(key, list_of(key, text, at), at, false, "backends")) return;
        if (name != both_lists[0]) out.mentions.resize(mentioned);
    }
}

}  // namespace

void apply_environment(std::span<const variable> variables, assembly& out) {
    // The general ones first, so that FD2_BACKENDS_SYNC refines FD2_BACKENDS.
    std::map<std::string, const key_info*, std::less<>> known;
    for (const key_info& key : keys()) known.emplace(variable_of(key), &key);

    const auto origin_of = [](const variable& setting) {
        return origin{source::environment, std::string(setting.name), 0, 0};
    };
    for (const variable& setting : variables) {
        if (setting.name == "FD2_FEATURES") {
            assign_features(setting.value, origin_of(setting), out);
        } else if (setting.name == "FD2_BACKENDS") {
            assign_backends(setting.value, origin_of(setting), out);
        } else if (setting.name == "FD2_OPTIONS") {
            pairs(setting.value, origin_of(setting), "options", "pipe.capacity=1MiB", out,
                  [&](std::string_view path, std::string_view text) {
                      assign_option(path, text, origin_of(setting), out);
                  });
        }
    }
    std::optional<variable> disable;  // it refines FD2_ENABLED, and so comes last
    for (const variable& setting : variables) {
        if (setting.name == "FD2_FEATURES" || setting.name == "FD2_BACKENDS" ||
            setting.name == "FD2_OPTIONS" || setting.name == "FD2_CONFIG" ||
            setting.name == "FD2_RUNTIME_DIR") {
            continue;
        }
        if (setting.name == "FD2_DISABLE") {
            disable = setting;
            continue;
        }
        if (const auto found = known.find(setting.name); found != known.end()) {
            assign(*found->second, setting.value, origin_of(setting), out);
            continue;
        }
        std::vector<std::string_view> names = {"FD2_CONFIG",  "FD2_FEATURES", "FD2_BACKENDS",
                                               "FD2_OPTIONS", "FD2_DISABLE",  "FD2_RUNTIME_DIR"};
        for (const auto& [name, key] : known) names.push_back(name);
        std::string meant;
        if (const auto near = nearest(setting.name, names)) {
            meant = *near;
        } else if (const key_info* const key = nearest_key(setting.name.substr(prefix.size()))) {
            meant = variable_of(*key);
        }
        std::string advice = meant.empty() ? "`fd2 config show` lists the keys"
                                           : "did you mean " + display(meant) + "?";
        out.found.warning(origin_of(setting), "", "unknown variable", std::move(advice),
                          !meant.empty());
    }
    if (disable) assign_disable(disable->value, origin_of(*disable), out);
}

void apply_options(std::span<const option_value> options, assembly& out) {
    std::vector<std::string> given;  // lists that an earlier option began
    for (const option_value& setting : options) {
        const origin at{source::option, setting.name, 0, 0};
        const bool again = std::find(given.begin(), given.end(), setting.key) != given.end();
        given.push_back(setting.key);
        if (const key_info* key = find_key(setting.key)) {
            assign(*key, setting.value, at, out, again);
        } else if (setting.key == "backends") {
            assign_backends(setting.value, at, out);
        } else if (setting.key.starts_with(options_prefix)) {
            assign_option(std::string_view(setting.key).substr(options_prefix.size()),
                          setting.value, at, out);
        } else {
            std::string advice = "`fd2 config show` lists the keys";
            if (setting.key == "rules") {
                advice = "rules are written in files only";
            } else if (const key_info* const meant = nearest_key(setting.key)) {
                advice = "did you mean " + display(meant->name) + "?";
            }
            out.found.error(at, setting.key, "unknown key", std::move(advice));
        }
    }
}

}  // namespace fd2::settings
