#include "settings/difference.hpp"

#include <map>
#include <utility>

#include "base/text_list.hpp"
#include "settings/keys.hpp"

namespace fd2::settings {

namespace {

std::string spelled(const key_info& key, const settings& all) {
    const value v = key.get(all);
    return key.is_list() ? "[" + join(items_of(v), ", ") + "]" : text_of(key, v);
}

}  // namespace

std::vector<changed_value> differences(const settings& before, const settings& after) {
    std::vector<changed_value> out;
    for (const key_info& key : keys()) {
        std::string one = spelled(key, before);
        std::string other = spelled(key, after);
        if (one != other) out.push_back({std::string(key.name), std::move(one), std::move(other)});
    }
    std::map<std::string, std::pair<std::string, std::string>> options;
    const auto collect = [&](const settings& all, auto side) {
        for (const auto& [backend, given] : all.options) {
            for (const auto& [name, option] : given)
                options["options." + backend + "." + name].*side = option.text;
        }
    };
    collect(before, &std::pair<std::string, std::string>::first);
    collect(after, &std::pair<std::string, std::string>::second);
    for (auto& [key, both] : options) {
        if (both.first != both.second) out.push_back({key, both.first, both.second});
    }
    return out;
}

bool applies_to_running(std::string_view key) noexcept {
    return key.starts_with("backends") || key.starts_with("options.") || key.starts_with("swap.") ||
           key.starts_with("reload.") || key == "require" || key == "plugins.path";
}

}  // namespace fd2::settings
