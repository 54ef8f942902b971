// What only stat(2) and its kin can say.
#pragma once

#include <sys/stat.h>

#include "base/files.hpp"

namespace fd2 {

/// Whether both are the same file: names for it may differ.
bool same_file(const struct stat& one, const struct stat& other) noexcept;

/// Gives a new file the owner, group and mode of the one that it replaces. False: not all of it
/// could be given. A group that could not be given gets no permission, and neither has another.
bool adopt_attributes(int fd, const struct stat& model) noexcept;

}  // namespace fd2
