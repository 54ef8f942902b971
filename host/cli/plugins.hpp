// `fd2 plugins`: what is installed, and what of it works here.
#pragma once

#include <ostream>

#include "cli/environment.hpp"

namespace fd2::cli {

/// Loads every plugin that can be found, or those of these names, each in a process of its own, and
/// opens and closes a channel of it. Without names a line each, with names all that is known; each
/// as soon as it was tried. 0, or 1 if none is usable.
int plugins(const common_options& given, const std::vector<std::string>& names,
            const output_options& shown, std::ostream& out);

}  // namespace fd2::cli
