// What the settings say of plugins: where they are looked for (in what they name, then in what
// belongs to this copy of fd2), and which are tried.
#pragma once

#include <string>
#include <vector>

#include "channel/loader.hpp"
#include "settings/load.hpp"
#include "settings/settings.hpp"

namespace fd2::channel {

/// The directory of plugins that belongs to this copy: `beside`, which moved along with it, if that
/// is there; otherwise `installed`, the one that was named at build time. Never both: a copy must
/// not load the plugins of another one. `beside` may be empty.
directory built_in(const std::string& beside, const std::string& installed);

/// `named`, in this order, and behind them `own`. One of `named` that is the directory `own`
/// belongs to this copy as well.
std::vector<directory> plugin_path(const std::vector<settings::plugin_directory>& named,
                                   const directory& own);

/// What `plugins.trial` means for a loader.
load_policy policy_of(settings::trial_policy given) noexcept;

/// Has `plugins` do what the settings say: of trials, which are made by `run`, and of verdicts.
void prepare(loader& plugins, const settings::settings& config, trial run, observer* watch);

/// Which plugins may be loaded for children that run already: new code below running commands is
/// held to more than at their start.
load_policy policy_for_running(const settings::settings& config) noexcept;

/// For the check of the settings: what is found there.
settings::available_backends available(std::vector<directory> path);

}  // namespace fd2::channel
