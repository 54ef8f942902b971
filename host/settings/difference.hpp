// What differs between two configurations, key by key.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "settings/settings.hpp"

namespace fd2::settings {

struct changed_value {
    std::string key;     ///< "capture.tail", "options.pipe.capacity"
    std::string before;  ///< as a file spells it; empty where there was none
    std::string after;
};

/// In the order of the keys.
std::vector<changed_value> differences(const settings& before, const settings& after);

/// Whether a new value has an effect on children that run already: it decides where they may be
/// moved, or how.
bool applies_to_running(std::string_view key) noexcept;

}  // namespace fd2::settings
