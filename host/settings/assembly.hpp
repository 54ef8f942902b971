// What the layers are collected in (the values so far, where each came from, and what was wrong),
// and a function for each layer. Private to the room.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "settings/document.hpp"
#include "settings/keys.hpp"
#include "settings/load.hpp"
#include "settings/rules.hpp"
#include "settings/settings.hpp"
#include "settings/values.hpp"

namespace fd2::settings {

/// A backend that somebody named; whether it exists is asked once, at the end.
struct mention {
    std::string backend;
    std::string key;
    origin at;
    bool alone = true;  ///< no item of a list with others
};

/// A rule as it was written.
struct rule {
    std::string name;
    origin at;
    std::optional<std::vector<std::string>> host, user, command, link;  ///< patterns
    std::optional<bool> terminal;
    std::optional<rollout_result> rollout;
    bool broken = false;  ///< it has a mistake outside `set`, and never applies
    node set;             ///< the mapping, applied once it is known that the rule is
    std::vector<std::pair<std::string, origin>> sets;  ///< what it sets, and where
    std::map<std::string, option_map, std::less<>> options;
    std::vector<mention> mentions;
};

/// A file that was read, to be applied once more if one of its rules is.
struct source_file {
    std::string path;
    node document;
};

/// [one thread]
class assembly {
  public:
    assembly() : origins(keys().size()) {}

    /// Sets a key that is not a list, or reports why not.
    void assign(const key_info& key, const scalar& written);

    /// Sets a list. `at` is the place of the list, each item knows its own; `append` adds to what
    /// the same layer already set. `shown` is the name that mistakes are reported for, if not the
    /// key's. False if there was a mistake; the key is then unchanged.
    bool assign(const key_info& key, const std::vector<scalar>& items, const origin& at,
                bool append = false, std::string_view shown = {});

    /// Sets options.BACKEND.OPTION; `key_at` is the place of the option's name.
    void assign_option(std::string_view backend, std::string_view option, const scalar& written,
                       const origin& backend_at, const origin& key_at);

    settings values;
    std::vector<origin> origins;  ///< parallel to keys()
    std::vector<mention> mentions;
    std::vector<rule> rules;         ///< in the order of the files
    std::vector<source_file> files;  ///< in the order in which they were applied
    report found;
};

/// Sets what the file says, and appends its rules.
void apply_file(const node& document, const std::string& file, assembly& out);

/// Sets what a rule of the file says.
void apply_set(const node& set, const std::string& file, assembly& out);

/// Appends the rules of the list, and reports what is wrong with them.
void read_rules(const node& list, const std::string& file, assembly& out);

/// The rule that applies, or null; `results` gets all of them in the order in which they are tried.
const rule* try_rules(const std::vector<rule>& all, const run_facts* facts,
                      std::vector<rule_result>& results);

/// "capture.tail" of "capture" and "tail"; either may be empty.
std::string below(std::string_view path, std::string_view name);

/// One FD2_* variable with a value. A name that is not known becomes a warning.
struct variable {
    std::string_view name;
    std::string_view value;
};
void apply_environment(std::span<const variable> variables, assembly& out);

void apply_options(std::span<const option_value> options, assembly& out);

}  // namespace fd2::settings
