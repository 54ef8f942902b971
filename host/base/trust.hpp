// Who may have written a file that we act on: a plugin that is loaded, a configuration file.
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>

#include "base/result.hpp"

namespace fd2 {

/// Who may own what is trusted, beside root and the effective user. A program that runs from a
/// build tree is as trustworthy as the plugins beside it: its owner may own them, and where it is
/// itself writable by its group, that group may write them.
struct trusted_owner {
    long uid = -1;             ///< -1 for nobody
    long writable_group = -1;  ///< -1 for none
};

/// The owner of a file whose code runs already (the executable, or the library that loads plugins),
/// and its group if that may write it.
trusted_owner trusted_owner_of(const char* file) noexcept;

/// Why something is not trusted: which file or directory, what is wrong with it, and the command
/// that fixes it (empty where there is none).
struct distrust {
    std::string component;
    std::string why;
    std::string mend;
};

/// Whether a file or directory is owned by root, the effective user or `owner`, and writable by
/// nobody else. A directory with the sticky bit may be: its entries belong to their owners.
std::optional<distrust> distrust_of(const std::string& component, const struct stat& about,
                                    const trusted_owner& owner = {});

/// The same of every directory above `resolved`, an absolute path without links ("/a/b/" asks
/// for /, /a and /a/b). Once they are trusted, nobody else can change what the path means.
std::optional<distrust> distrust_above(const std::string& resolved,
                                       const trusted_owner& owner = {});

/// Whether anyone but root and the effective user may put entries into this directory, sticky bit
/// or not.
bool others_can_write(const struct stat& directory) noexcept;

/// True if the process was started with raised privileges (set-id bits, file capabilities). Then
/// nothing that the caller names is trusted.
bool has_raised_privileges() noexcept;

}  // namespace fd2
