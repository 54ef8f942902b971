// Which files decide how a host runs, for reload.watch.
#pragma once

#include <string>
#include <vector>

#include "channel/loader.hpp"
#include "settings/load.hpp"

namespace fd2::runs {

/// The configuration's files, those that may come included, and the plugins of these backends in
/// every directory. Absolute.
std::vector<std::string> files_to_watch(const std::vector<settings::looked_for>& searched,
                                        const std::vector<channel::directory>& directories,
                                        const std::vector<std::string>& backends);

}  // namespace fd2::runs
