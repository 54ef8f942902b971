// From the layers to one configuration.
//
//   built-in · /etc/fd2/fd2.yaml · /etc/fd2/fd2.yaml.d/*.yaml · $XDG_CONFIG_HOME/fd2/fd2.yaml ·
//   $XDG_CONFIG_HOME/fd2/fd2.yaml.d/*.yaml · FD2_* variables · options
//
// (On Windows %ProgramData%\fd2\fd2.yaml and %APPDATA%\fd2\fd2.yaml.)
// Later wins, key by key (a list replaces a list). --config, or else FD2_CONFIG, names a file that
// stands for all of them; the word `none` means no file at all.
//
// At most one rule applies: the first that fits, in the order of try_rules. What it sets counts as
// set by its file, after what that file sets for all.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "settings/origin.hpp"
#include "settings/places.hpp"
#include "settings/rules.hpp"
#include "settings/settings.hpp"

namespace fd2::settings {

/// One `key=value` of the command line.
struct option_value {
    std::string key;    ///< "capture.tail", "backends" (both lists), "options.pipe.capacity"
    std::string value;  ///< lists: items separated by ',' (paths by ':', on Windows ';')
    std::string name;   ///< as the user knows it: "--tail"
};

/// The backends that can be found, plugins of the operator included.
struct available_backends {
    std::vector<std::string> names;
    std::vector<std::string> searched;  ///< the directories
};

/// Asked at most once per load, and only if somebody names a backend that fd2 does not ship. Such a
/// name that is not found is a warning where the next of a list is tried; an error where the
/// command line names that one alone. May be empty: then there are the shipped ones.
using backend_finder = std::function<available_backends(const std::vector<plugin_directory>& path)>;

struct inputs {
    /// As execve(2) hands it over, or null for none. Read during the call only.
    const char* const* environment = nullptr;
    std::optional<std::string> config;  ///< --config
    std::vector<option_value> options;
    backend_finder backends;
    /// getauxval(AT_SECURE): the caller is not to be trusted. The environment and the user's file
    /// are left alone (with a warning for each variable), and `config` is refused.
    bool privileged = false;
    /// A mistake in one of the usual files is not an error: that file is left out, with one
    /// warning. For fd2 as a link called `ssh`, whose caller may not know of fd2.
    bool forgiving = false;
    std::string system_file = usual_system_file();
    /// What rules are held against; null: none applies. Read during the call only.
    const run_facts* facts = nullptr;
};

/// A file that was looked for, or a directory of files that could not be listed.
struct looked_for {
    enum class outcome : std::uint8_t { read, absent, refused, distrusted, failed, left_out };
    std::string path;
    outcome result = outcome::read;
};

/// What came out. Plain data.
struct loaded {
    settings values;                      ///< meaningful if ok(); otherwise as far as it went
    std::vector<diagnostic> diagnostics;  ///< in the order of the layers
    std::vector<std::string> files;       ///< what was read, weakest first
    std::vector<diagnostic> left_out;     ///< one warning a file (see inputs::forgiving)

    bool ok() const noexcept;

    /// `enabled` is false, and nothing is wrong with the options of this call. A mistake in a file
    /// or a variable does not matter then: nothing of it would have an effect.
    bool steps_aside() const noexcept;

    /// Where a key's value came from; `name` is in keys(). Options of backends know their own.
    const origin& origin_of(std::string_view name) const;

    std::vector<origin> origins;       ///< parallel to keys()
    std::vector<looked_for> searched;  ///< weakest first; `files` are those of them that were read
    std::vector<rule_result> rules;    ///< in the order in which they are tried

    /// Of load_file: the options that each of `rules` sets, for whoever checks them.
    std::vector<std::map<std::string, option_map, std::less<>>> options_of_rules;

    /// The rule that applies, or null.
    const rule_result* rule() const noexcept;
};

/// Never fails as a whole: what is wrong is in `diagnostics`, all of it. Without a file, a variable
/// or an option this costs two failed system calls and touches no YAML.
loaded load(const inputs& input);

/// One file on top of the built-in values, and nothing else: what `fd2 config check` looks at. Who
/// may write the file is not asked.
loaded load_file(const std::string& path, const backend_finder& backends = {});

/// Why `load` would refuse the file, which can be read, because of who may write it: a warning, or
/// nothing.
std::optional<diagnostic> distrust_of_file(const std::string& path);

}  // namespace fd2::settings
