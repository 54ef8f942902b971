// The judgement of a file by what stat(2) says of it.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>

#include "base/trust.hpp"

namespace fd2 {

/// Whether a file or directory is owned by root, the effective user or `owner`, and writable by
/// nobody else. A directory with the sticky bit may be: its entries belong to their owners.
std::optional<distrust> distrust_of(const std::string& component, const struct stat& about,
                                    const trusted_owner& owner = {});

/// Whether anyone but root and the effective user may put entries into this directory, sticky bit
/// or not.
bool others_can_write(const struct stat& directory) noexcept;

}  // namespace fd2
