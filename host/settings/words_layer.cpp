// The two layers that are made of plain words: FD2_* variables and options.
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <map>
#include <optional>
#include <utility>

#include "settings/layers.hpp"
#include "settings/nearest.hpp"

namespace fd2::settings {
namespace {

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

std::optional<std::string> working_directory() {
    char buffer[PATH_MAX];
    if (::getcwd(buffer, sizeof buffer) == nullptr || buffer[0] != '/') return std::nullopt;
    return buffer;
}

/// A path that the user typed means what it means in the shell beside it.
std::string absolute(std::string_view path) {
    if (path.empty() || path.front() == '/') return std::string(path);
    const auto here = working_directory();
    return here ? *here + '/' + std::string(path) : std::string(path);
}

std::vector<scalar> list_of(const key_info& key, std::string_view text, const origin& at) {
    std::vector<scalar> out;
    const bool paths = key.type == key_type::directories;
    for (const auto piece : split(text, paths ? ':' : ',')) {
        out.push_back(
            {paths && at.from == source::option ? absolute(piece) : std::string(piece), false, at});
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
    if (key.type == key_type::file && at.from == source::option && written != "off") {
        written = absolute(text);
    }
    out.assign(key, {std::move(written), false, at});
}

/// "BACKEND.OPTION" and its value.
void assign_option(std::string_view path, std::string_view text, const origin& at, assembly& out) {
    const auto dot = path.find('.');
    if (dot == std::string_view::npos) {
        out.found.error(at, std::string(options_prefix) + std::string(path),
                        "names no option of the backend", "write BACKEND.OPTION=VALUE");
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
                            "write " + std::string(example));
            continue;
        }
        each(trimmed(piece.substr(0, equals)), trimmed(piece.substr(equals + 1)));
    }
}

void assign_features(std::string_view text, const origin& at, assembly& out) {
    pairs(text, at, "features", "ssh-socketpair-stderr=on", out,
          [&](std::string_view name, std::string_view on) {
              const std::string full = std::string(features_prefix) + std::string(name);
              if (const key_info* key = find_key(full)) {
                  assign(*key, on, at, out);
                  return;
              }
              std::vector<std::string_view> features;
              for (const key_info& one : keys()) {
                  if (one.name.starts_with(features_prefix)) {
                      features.push_back(one.name.substr(features_prefix.size()));
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

    const auto at = [](const variable& one) {
        return origin{source::environment, std::string(one.name), 0, 0};
    };
    for (const variable& one : variables) {
        if (one.name == "FD2_FEATURES") {
            assign_features(one.value, at(one), out);
        } else if (one.name == "FD2_BACKENDS") {
            assign_backends(one.value, at(one), out);
        } else if (one.name == "FD2_OPTIONS") {
            pairs(one.value, at(one), "options", "pipe.capacity=1MiB", out,
                  [&](std::string_view path, std::string_view text) {
                      assign_option(path, text, at(one), out);
                  });
        }
    }
    for (const variable& one : variables) {
        if (one.name == "FD2_FEATURES" || one.name == "FD2_BACKENDS" || one.name == "FD2_OPTIONS" ||
            one.name == "FD2_CONFIG") {
            continue;
        }
        if (const auto found = known.find(one.name); found != known.end()) {
            assign(*found->second, one.value, at(one), out);
            continue;
        }
        std::vector<std::string_view> names = {"FD2_CONFIG", "FD2_FEATURES", "FD2_BACKENDS",
                                               "FD2_OPTIONS"};
        for (const auto& [name, key] : known) names.push_back(name);
        std::string way_out = "`fd2 config show` lists what there is";
        if (nearest(one.name, names)) way_out = suggest(one.name, names);
        out.found.warning(at(one), "", "unknown variable", std::move(way_out));
    }
}

void apply_options(std::span<const option_value> options, assembly& out) {
    std::vector<std::string> given;  // lists that an earlier option began
    for (const option_value& one : options) {
        const origin at{source::option, one.name, 0, 0};
        const bool again = std::find(given.begin(), given.end(), one.key) != given.end();
        given.push_back(one.key);
        if (const key_info* key = find_key(one.key)) {
            assign(*key, one.value, at, out, again);
        } else if (one.key == "backends") {
            assign_backends(one.value, at, out);
        } else if (one.key.starts_with(options_prefix)) {
            assign_option(std::string_view(one.key).substr(options_prefix.size()), one.value, at,
                          out);
        } else {
            std::vector<std::string_view> names;
            for (const key_info& known : keys()) names.push_back(known.name);
            std::string way_out = "`fd2 config show` lists what there is";
            if (nearest(one.key, names)) way_out = suggest(one.key, names);
            out.found.error(at, one.key, "unknown key", std::move(way_out));
        }
    }
}

}  // namespace fd2::settings
