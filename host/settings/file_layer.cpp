#include <algorithm>
#include <utility>

#include "settings/assembly.hpp"
#include "settings/nearest.hpp"

namespace fd2::settings {
namespace {

constexpr std::string_view options_key = "options";
constexpr std::string_view rules_key = "rules";

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
    if (path.empty()) {
        add(options_key);
        add(rules_key);
    }
    return out;
}

/// A key that exists elsewhere is better advice than a similar word here.
std::string advice_for_unknown(std::string_view path, std::string_view name) {
    const auto siblings = names_below(path);
    if (nearest(name, siblings)) return suggest(name, siblings);
    if (const key_info* whole = find_key(name)) {
        const auto dot = whole->name.find('.');
        return "write it as `" + std::string(whole->name.substr(0, dot)) + ": { " +
               std::string(whole->name.substr(dot + 1)) + ": ... }`";
    }
    if (const key_info* const key = nearest_key(name)) {
        return "did you mean " + display(key->name) + "?";
    }
    return suggest(name, siblings);
}

/// Walks the tree beside the table.
class walker {
  public:
    walker(const std::string& file, bool with_rules, assembly& out)
        : file_(file), with_rules_(with_rules), out_(out) {}

    void section(const node& mapping, const std::string& path) {
        for (const member& entry : mapping.members) {
            const std::string full = below(path, entry.key);
            if (const key_info* key =
                    entry.key.find('.') == std::string::npos ? find_key(full) : nullptr) {
                leaf(*key, entry);
            } else if (path.empty() && entry.key == options_key) {
                if (is_mapping(entry, full, "write `options: { pipe: { ... } }`")) {
                    for (const member& backend : entry.value.members) options(backend);
                }
            } else if (path.empty() && entry.key == rules_key) {
                if (with_rules_) {
                    read_rules(entry.value, file_, out_);
                } else {
                    out_.found.error(origin_at(entry.at), full, "a rule cannot set rules",
                                     "delete it");
                }
            } else if (entry.key.find('.') == std::string::npos && !names_below(full).empty()) {
                std::string advice = "write `" + entry.key + ": { " +
                                     std::string(names_below(full).front()) +
                                     ": ... }`, a space after each colon";
                // `tail: 1MiB` may be meant for capture.tail.
                const key_info* const meant =
                    entry.value.is == node::kind::scalar ? nearest_key(entry.key) : nullptr;
                if (meant && meant->name.ends_with("." + entry.key)) {
                    advice += "; or did you mean " + display(meant->name) + "?";
                }
                if (is_mapping(entry, full, advice)) section(entry.value, full);
            } else {
                out_.found.error(origin_at(entry.at), full, "unknown key",
                                 advice_for_unknown(path, entry.key));
            }
        }
    }

  private:
    origin origin_at(const place& where) const {
        return {source::file, file_, where.line, where.column};
    }
    scalar scalar_of(const node& value) const {
        return {value.text, value.quoted, origin_at(value.at)};
    }

    /// A section that holds nothing (all of it commented out) is as good as one that is absent.
    bool is_mapping(const member& entry, const std::string& path, std::string advice) {
        if (entry.value.is == node::kind::mapping) return true;
        if (entry.value.is != node::kind::null) {
            out_.found.error(origin_at(entry.value.at), path,
                             std::string(kind_name(entry.value)) + " where a mapping is expected",
                             std::move(advice));
        }
        return false;
    }

    void leaf(const key_info& key, const member& entry) {
        const std::string name(key.name);
        const auto wanted = key.is_list() ? node::kind::list : node::kind::scalar;
        if (entry.value.is == node::kind::null) {
            out_.found.error(origin_at(entry.at), name, "has no value",
                             how_to_write(key) + ", or delete the line");
        } else if (entry.value.is != wanted) {
            const bool single = entry.value.is == node::kind::scalar;
            std::string advice = how_to_write(key);
            if (single && is_name(entry.value.text)) advice = "write [" + entry.value.text + "]";
            out_.found.error(origin_at(entry.value.at), name,
                             std::string(kind_name(entry.value)) + " where a " +
                                 (key.is_list() ? "list" : "single value") + " is expected",
                             std::move(advice));
        } else if (key.is_list()) {
            list(key, entry.value);
        } else {
            out_.assign(key, scalar_of(entry.value));
        }
    }

    void list(const key_info& key, const node& value) {
        std::vector<scalar> items;
        bool good = true;
        for (std::size_t i = 0; i < value.items.size(); ++i) {
            const node& item = value.items[i];
            if (item.is == node::kind::scalar) {
                items.push_back(scalar_of(item));
                continue;
            }
            good = false;
            out_.found.error(
                origin_at(item.at), std::string(key.name) + '[' + std::to_string(i) + ']',
                std::string(kind_name(item)) + " where a name is expected", how_to_write(key));
        }
        if (good) out_.assign(key, items, origin_at(value.at));
    }

    void options(const member& backend) {
        const std::string path = below(options_key, backend.key);
        if (!is_mapping(backend, path, "write `" + backend.key + ": { OPTION: VALUE }`")) return;
        for (const member& option : backend.value.members) {
            if (option.value.is != node::kind::scalar) {
                out_.found.error(origin_at(place_of(option, option.value)), below(path, option.key),
                                 instead_of("a single value", option.value),
                                 "write a value such as 64KiB");
                continue;
            }
            out_.assign_option(backend.key, option.key, scalar_of(option.value),
                               origin_at(backend.at), origin_at(option.at));
        }
    }

    const std::string& file_;
    const bool with_rules_;
    assembly& out_;
};

}  // namespace

std::string below(std::string_view path, std::string_view name) {
    std::string out(path);
    if (!out.empty() && !name.empty()) out += '.';
    return out.append(name);
}

void apply_set(const node& set, const std::string& file, assembly& out) {
    walker(file, false, out).section(set, "");
}

void apply_file(const node& document, const std::string& file, assembly& out) {
    if (document.is == node::kind::null) return;
    if (document.is != node::kind::mapping) {
        out.found.error({source::file, file, document.at.line, document.at.column}, "",
                        std::string(kind_name(document)) + " where `key: value` lines are expected",
                        "put a space after the colon");
        return;
    }
    walker(file, true, out).section(document, "");
}

}  // namespace fd2::settings
