// Who may have written a file that we act on: a plugin that is loaded, a configuration file.
#pragma once

#include <optional>
#include <string>

#include "base/result.hpp"

namespace fd2 {

/// Who may own what is trusted, beside root and the effective user. A program that runs from a
/// build tree is as trustworthy as the plugins beside it: its owner may own them, and where it is
/// itself writable by its group, that group may write them. On Windows nobody beside.
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

/// Whether the file or directory behind the open descriptor is owned by root, the effective user or
/// `owner`, and writable by nobody else. A directory with the sticky bit may be: its entries belong
/// to their owners. On Windows: owned by Administrators, SYSTEM, TrustedInstaller or the user, and
/// its access list lets nobody else write, delete or take it over.
std::optional<distrust> distrust_of_open(const std::string& component, int fd,
                                         const trusted_owner& owner = {});

/// The same of every directory above `resolved`, an absolute path without links ("/a/b/" asks
/// for /, /a and /a/b). On Windows entries may be added to them by others. Once they are trusted,
/// nobody else can change what the path means.
std::optional<distrust> distrust_above(const std::string& resolved,
                                       const trusted_owner& owner = {});

/// True if the process was started with raised privileges (set-id bits, file capabilities; Windows
/// has no such thing). Then nothing that the caller names is trusted.
bool has_raised_privileges() noexcept;

}  // namespace fd2
