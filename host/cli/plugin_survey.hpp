// What is installed, and what of it works here, for `fd2 plugins` and `fd2 doctor`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "channel/loader.hpp"
#include "channel/plugin_table.hpp"
#include "channel/selection.hpp"

namespace fd2::cli {

struct plugin_row {
    std::string backend;
    std::string version;
    std::string file;
    std::string description;
    std::vector<std::string> capabilities;
    std::string medium;
    std::uint64_t capacity = 0;        ///< as the backend says
    std::uint64_t capacity_small = 0;  ///< likewise
    std::vector<channel::described_option> options;
    bool loaded = false;
    bool settles = false;  ///< see channel::channel_info
    std::optional<failure> why_not;
    std::optional<channel::recorded_verdict> verdict;  ///< of `fd2 conform`

    bool usable() const noexcept { return !why_not; }
};

/// Loads the plugin, opens and closes a channel of it, in this process. `require` is ignored.
plugin_row try_here(const channel::found& file, channel::loader& plugins,
                    channel::backend_pool& pool, settings::settings config);

/// The same in a child process: a plugin that crashes or hangs is a row that says so.
/// [as process::run_isolated]
plugin_row try_plugin(const channel::found& file, const settings::settings& config);

/// The row of a plugin that gave no answer: `why` is what isolated() returned.
plugin_row without_answer(const channel::found& file, const failure& why);

}  // namespace fd2::cli
