// What is valid, but may not do what was meant.
#pragma once

#include <optional>
#include <vector>

#include "settings/load.hpp"

namespace fd2::settings {

/// That fd2 is disabled, if it is: a warning.
std::optional<diagnostic> remark_on_switch(const loaded& config);

/// That features.ssh-socketpair-stderr, which somebody has set, has no effect on `fd2 run`, or that
/// nothing is captured because of it: a warning.
std::optional<diagnostic> remark_on_flag(const loaded& config);

}  // namespace fd2::settings
