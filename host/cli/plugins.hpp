// `fd2 plugins`: what is installed, and what of it works here.
#pragma once

#include <ostream>

#include "cli/environment.hpp"

namespace fd2::cli {

/// Loads every plugin that can be found, opens and closes a channel of each. 0, or 1 if none is
/// usable.
int plugins(const common_options& given, bool as_json, std::ostream& out);

}  // namespace fd2::cli
