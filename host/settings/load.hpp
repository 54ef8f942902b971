// From the layers to one configuration.
//
//   built-in · /etc/fd2/fd2.yaml · $XDG_CONFIG_HOME/fd2/fd2.yaml · FD2_* variables · options
//
// Later wins, key by key (a list replaces a list). --config, or else FD2_CONFIG, names a file that
// stands for both; the word `none` means no file at all.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "settings/origin.hpp"
#include "settings/settings.hpp"

namespace fd2::settings {

/// One `key=value` of the command line.
struct option_value {
    std::string key;    ///< "capture.tail", "backends" (both lists), "options.pipe.capacity"
    std::string value;  ///< lists: items separated by ',' (paths by ':')
    std::string name;   ///< as the user knows it: "--tail"
};

/// The names of the backends that can be found, plugins of the operator included. Asked at most
/// once a load, and only if a file or a variable names a backend that fd2 does not ship. May be
/// empty: then such a name is an error.
using backend_finder =
    std::function<std::vector<std::string>(const std::vector<plugin_directory>& path)>;

struct inputs {
    /// As execve(2) hands it over, or null for none. Read during the call only.
    const char* const* environment = nullptr;
    std::optional<std::string> config;  ///< --config
    std::vector<option_value> options;
    backend_finder backends;
    /// FD2_* variables that belong to somebody else, not to be warned about.
    std::span<const std::string_view> foreign_variables;
    /// getauxval(AT_SECURE): the caller is not to be trusted. The environment and the user's file
    /// are left alone (with a warning for each variable), and `config` is refused.
    bool privileged = false;
    std::string system_file = "/etc/fd2/fd2.yaml";
};

/// A file that was looked for.
struct looked_for {
    enum class outcome : std::uint8_t { read, absent, refused, failed };
    std::string path;
    outcome result = outcome::read;
};

/// What came out. Plain data.
struct loaded {
    settings values;                      ///< meaningful if ok(); otherwise as far as it went
    std::vector<diagnostic> diagnostics;  ///< in the order of the layers
    std::vector<std::string> files;       ///< what was read, weakest first

    bool ok() const noexcept;

    /// Where a key's value came from; `name` is in keys(). Options of backends know their own.
    const origin& origin_of(std::string_view name) const;

    std::vector<origin> origins;       ///< parallel to keys()
    std::vector<looked_for> searched;  ///< weakest first; `files` are those of them that were read
};

/// Never fails as a whole: what is wrong is in `diagnostics`, all of it. Without a file, a variable
/// or an option this costs two failed opens and touches no YAML.
loaded load(const inputs& from);

/// One file on top of the built-in values, and nothing else: what `fd2 config check` looks at.
loaded load_file(const std::string& path, const backend_finder& backends = {});

}  // namespace fd2::settings
