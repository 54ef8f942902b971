#include "settings/assembly.hpp"

#include <algorithm>
#include <utility>

#include "base/files.hpp"

namespace fd2::settings {
namespace {

/// What a mistake in an item is reported for. The value of an option that is a single word is no
/// list to whoever wrote it, and `--backend` says which one it is.
std::string item_name(const std::string& list, const std::vector<scalar>& items, std::size_t i) {
    const origin& at = items[i].at;
    if (at.layer != source::option || items.size() != 1) {
        return list + '[' + std::to_string(i) + ']';
    }
    return at.name == "--set" ? list : std::string();
}

}  // namespace

void assembly::assign(const key_info& key, const scalar& written) {
    auto got = to_value(key, written);
    if (!got.value) {
        found.error(written.at, std::string(key.name), std::move(got.wrong.message),
                    std::move(got.wrong.advice));
        return;
    }
    key.set(values, *got.value);
    origins[index_of(key)] = written.at;
}

bool assembly::assign(const key_info& key, const std::vector<scalar>& items, const origin& at,
                      bool append, std::string_view shown) {
    const std::string name(shown.empty() ? key.name : shown);
    if (items.size() > longest_list) {
        found.error(at, name, "the list has " + std::to_string(items.size()) + " items",
                    "write at most " + std::to_string(longest_list));
        return false;
    }
    std::vector<std::string> out;
    if (append) out = std::get<std::vector<std::string>>(key.get(values));
    bool good = true;
    for (std::size_t i = 0; i < items.size(); ++i) {
        const std::string path = item_name(name, items, i);
        auto item = to_item(key, items[i]);
        if (!item.value) {
            found.error(items[i].at, path, std::move(item.wrong.message),
                        std::move(item.wrong.advice));
            good = false;
        } else if (std::find(out.begin(), out.end(), *item.value) != out.end()) {
            found.error(items[i].at, path, display(*item.value) + " is listed twice",
                        "delete one of them");
            good = false;
        } else {
            if (key.type == key_type::backends && !is_absolute(*item.value)) {
                mentions.push_back({*item.value, path, items[i].at, items.size() == 1});
            }
            out.push_back(std::move(*item.value));
        }
    }
    if (items.empty() && key.type == key_type::backends) {
        found.error(at, name, "the list is empty", "name at least one backend");
        good = false;
    }
    if (!good) return false;
    key.set(values, value(std::move(out)));
    if (key.type == key_type::directories) {
        for (auto& one : values.plugins.path) one.from_caller = at.from_caller();
    }
    origins[index_of(key)] = at;
    return true;
}

void assembly::assign_option(std::string_view backend, std::string_view option,
                             const scalar& written, const origin& backend_at,
                             const origin& key_at) {
    const std::string above = "options." + std::string(backend);
    if (!is_name(backend)) {
        found.error(backend_at, above, display(backend) + " is not a valid backend name",
                    "write a name such as pipe");
        return;
    }
    if (!is_name(option)) {
        found.error(key_at, above + '.' + std::string(option),
                    display(option) + " is not a valid option name",
                    "write lower-case letters, digits and -");
        return;
    }
    mentions.push_back({std::string(backend), above, backend_at, true});
    values.options[std::string(backend)][std::string(option)] = {
        written.text, guess(written.text, written.quoted), written.at};
}

}  // namespace fd2::settings
