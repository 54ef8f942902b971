#include "channel/plugin_path.hpp"

#include <utility>

#include "base/files.hpp"

namespace fd2::channel {

directory built_in(const std::string& beside, const std::string& installed) {
    // A directory that may not be looked at is still the one of this copy.
    const bool absent = beside.empty() || !is_there(beside);
    return {absent ? installed : beside, trust_source::verified, true};
}

namespace {

/// Whether `path` is the same directory as `own`, by whatever name.
bool is_same_directory(const std::string& path, const directory& own) {
    const auto one = identity_of(path), other = identity_of(own.path);
    return one && other && *one == *other;
}

}  // namespace

std::vector<directory> plugin_path(const std::vector<settings::plugin_directory>& named,
                                   const directory& own) {
    std::vector<directory> out;
    for (const auto& [path, from_caller] : named) {
        out.push_back({path, from_caller ? trust_source::caller : trust_source::verified,
                       is_same_directory(path, own)});
    }
    out.push_back(own);
    return out;
}

load_policy policy_of(settings::trial_policy given) noexcept {
    switch (given) {
        case settings::trial_policy::automatic:
            return load_policy::automatic;
        case settings::trial_policy::always:
            return load_policy::always_tried;
        case settings::trial_policy::never:
            break;
    }
    return load_policy::untried;
}

void prepare(loader& plugins, const settings::settings& config, trial run, observer* watch) {
    if (!config.require.empty()) plugins.ask_for_verdicts();
    plugins.set_trial(policy_of(config.plugins.trial), std::move(run), watch);
}

load_policy policy_for_running(const settings::settings& config) noexcept {
    if (config.plugins.trial == settings::trial_policy::never) return load_policy::untried;
    return config.swap.require == settings::proof_policy::conforms ? load_policy::proved
                                                                   : load_policy::always_tried;
}

settings::available_backends available(std::vector<directory> path) {
    const loader plugins(std::move(path));
    settings::available_backends out;
    for (const auto& one : plugins.discover()) out.names.push_back(one.id);
    for (const auto& one : plugins.directories()) out.searched.push_back(one.path);
    return out;
}

}  // namespace fd2::channel
