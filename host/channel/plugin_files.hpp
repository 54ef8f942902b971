// What a plugin's file is called and looks like on this platform.
#pragma once

#include <string>
#include <string_view>

#include "channel/trust.hpp"

namespace fd2::channel {

extern const std::string_view plugin_suffix;  ///< ".so", ".dll"

/// Whether only the administrator may write the file, which was found by a checked path.
bool belongs_to_root(const opened_plugin& file, trust_source source);

}  // namespace fd2::channel
