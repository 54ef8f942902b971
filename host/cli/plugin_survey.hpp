// What is installed, and what of it works here: the question behind `fd2 plugins` and `fd2 doctor`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "channel/selection.hpp"
#include "loader/loader.hpp"

namespace fd2::cli {

struct plugin_option {
    std::string name;
    std::string type;
    std::string initial;  ///< the default, as a file spells it
    std::string help;
};

struct plugin_row {
    std::string backend;
    std::string version;
    std::string file;
    std::string description;
    std::vector<std::string> capabilities;
    std::string medium;
    std::uint64_t capacity = 0;        ///< as the backend says
    std::uint64_t capacity_small = 0;  ///< likewise
    std::vector<plugin_option> options;
    bool loaded = false;
    bool settles = false;  ///< its end is by silence (FD2_INFO_SETTLES)
    std::optional<failure> why_not;

    bool usable() const noexcept { return !why_not; }
};

/// Loads the plugin, opens and closes a channel of it. `require` is not regarded.
plugin_row try_plugin(const loader::found& file, loader::loader& plugins,
                      channel::backend_pool& pool, settings::settings with);

/// The same for every plugin that can be found.
std::vector<plugin_row> survey(loader::loader& plugins, channel::backend_pool& pool,
                               const settings::settings& with);

}  // namespace fd2::cli
