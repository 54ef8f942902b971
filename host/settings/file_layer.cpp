#include <algorithm>
#include <utility>

#include "settings/layers.hpp"
#include "settings/nearest.hpp"

namespace fd2::settings {
namespace {

constexpr std::string_view options_key = "options";

std::string below(std::string_view path, std::string_view name) {
    std::string out(path);
    if (!out.empty()) out += '.';
    return out.append(name);
}

/// What may stand directly below `path`: a section's keys, or all sections.
std::vector<std::string_view> names_below(std::string_view path) {
    std::vector<std::string_view> out;
    const auto add = [&](std::string_view name) {
        if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(name);
    };
    for (const key_info& key : keys()) {
        std::string_view rest = key.name;
        if (!path.empty()) {
            if (!rest.starts_with(path) || !rest.substr(path.size()).starts_with('.')) continue;
            rest.remove_prefix(path.size() + 1);
        }
        add(rest.substr(0, rest.find('.')));
    }
    if (path.empty()) add(options_key);
    return out;
}

/// A key that exists elsewhere is better advice than a similar word here.
std::string way_out_of_unknown(std::string_view path, std::string_view name) {
    const auto siblings = names_below(path);
    if (nearest(name, siblings)) return suggest(name, siblings);
    if (const key_info* whole = find_key(name)) {
        const auto dot = whole->name.find('.');
        return "write it as `" + std::string(whole->name.substr(0, dot)) + ": { " +
               std::string(whole->name.substr(dot + 1)) + ": ... }`";
    }
    std::vector<std::string_view> last_parts;
    for (const key_info& key : keys())
        last_parts.push_back(key.name.substr(key.name.rfind('.') + 1));
    if (const auto meant = nearest(name, last_parts)) {
        const auto index = std::find(last_parts.begin(), last_parts.end(), *meant);
        const key_info& key = keys()[static_cast<std::size_t>(index - last_parts.begin())];
        return "did you mean \"" + std::string(key.name) + "\"?";
    }
    return suggest(name, siblings);
}

std::string_view kind_name(const node& what) noexcept {
    switch (what.is) {
        case node::kind::null:
            return "nothing";
        case node::kind::scalar:
            return "a single value";
        case node::kind::list:
            return "a list";
        case node::kind::mapping:
            return "a mapping";
    }
    return "nothing";
}

/// Walks the tree beside the table.
class walker {
  public:
    walker(const std::string& file, assembly& out) : file_(file), out_(out) {}

    void section(const node& what, const std::string& path) {
        for (const member& one : what.members) {
            const std::string full = below(path, one.key);
            if (const key_info* key =
                    one.key.find('.') == std::string::npos ? find_key(full) : nullptr) {
                leaf(*key, one);
            } else if (path.empty() && one.key == options_key) {
                if (is_mapping(one, full, "write `options: { pipe: { ... } }`")) {
                    for (const member& backend : one.value.members) options(backend);
                }
            } else if (one.key.find('.') == std::string::npos && !names_below(full).empty()) {
                if (is_mapping(one, full,
                               "write `" + one.key + ": { " +
                                   std::string(names_below(full).front()) +
                                   ": ... }`, a space after each colon")) {
                    section(one.value, full);
                }
            } else {
                out_.found.error(at(one.at), full, "unknown key",
                                 way_out_of_unknown(path, one.key));
            }
        }
    }

  private:
    origin at(const place& where) const { return {source::file, file_, where.line, where.column}; }
    scalar scalar_of(const node& what) const { return {what.text, what.quoted, at(what.at)}; }

    /// A section that holds nothing (all of it commented out) is as good as one that is absent.
    bool is_mapping(const member& one, const std::string& path, std::string way_out) {
        if (one.value.is == node::kind::mapping) return true;
        if (one.value.is != node::kind::null) {
            out_.found.error(at(one.value.at), path,
                             std::string(kind_name(one.value)) + ", where a mapping belongs",
                             std::move(way_out));
        }
        return false;
    }

    void leaf(const key_info& key, const member& one) {
        const std::string name(key.name);
        const auto wanted = key.is_list() ? node::kind::list : node::kind::scalar;
        if (one.value.is == node::kind::null) {
            out_.found.error(at(one.at), name, "has no value",
                             "write " + example_of(key) + ", or delete the line");
        } else if (one.value.is != wanted) {
            const bool single = one.value.is == node::kind::scalar;
            std::string way_out = "write " + example_of(key);
            if (single && is_name(one.value.text)) way_out = "write [" + one.value.text + "]";
            out_.found.error(at(one.value.at), name,
                             std::string(kind_name(one.value)) + ", where a " +
                                 (key.is_list() ? "list" : "single value") + " belongs",
                             std::move(way_out));
        } else if (key.is_list()) {
            list(key, one.value);
        } else {
            out_.assign(key, scalar_of(one.value));
        }
    }

    void list(const key_info& key, const node& what) {
        std::vector<scalar> items;
        bool good = true;
        for (std::size_t i = 0; i < what.items.size(); ++i) {
            const node& item = what.items[i];
            if (item.is == node::kind::scalar) {
                items.push_back(scalar_of(item));
                continue;
            }
            good = false;
            out_.found.error(at(item.at), std::string(key.name) + '[' + std::to_string(i) + ']',
                             std::string(kind_name(item)) + ", where a name belongs",
                             "write " + example_of(key));
        }
        if (good) out_.assign(key, items, at(what.at));
    }

    void options(const member& backend) {
        const std::string path = below(options_key, backend.key);
        if (!is_mapping(backend, path, "write `" + backend.key + ": { OPTION: VALUE }`")) return;
        for (const member& one : backend.value.members) {
            if (one.value.is != node::kind::scalar) {
                const bool nothing = one.value.is == node::kind::null;
                out_.found.error(
                    at(nothing ? one.at : one.value.at), below(path, one.key),
                    nothing ? "has no value"
                            : std::string(kind_name(one.value)) + ", where a single value belongs",
                    "write one value, such as 64KiB");
                continue;
            }
            out_.assign_option(backend.key, one.key, scalar_of(one.value), at(backend.at),
                               at(one.at));
        }
    }

    const std::string& file_;
    assembly& out_;
};

}  // namespace

void apply_file(const node& document, const std::string& file, assembly& out) {
    if (document.is == node::kind::null) return;
    if (document.is != node::kind::mapping) {
        out.found.error({source::file, file, document.at.line, document.at.column}, "",
                        std::string(kind_name(document)) + ", where `key: value` lines belong",
                        "put a space after the colon");
        return;
    }
    walker(file, out).section(document, "");
}

}  // namespace fd2::settings
