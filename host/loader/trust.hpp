// Whose word a plugin's path is, and whether a file may be loaded into this process.
#pragma once

#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace fd2::loader {

enum class trust {
    verified,  ///< the built-in directory, or one that a configuration file names: checked
    callers,   ///< the caller's own word (option, environment, API), as LD_LIBRARY_PATH is
};

/// Who may own what is loaded, beside root and the effective user. A program that runs from a build
/// tree is as trustworthy as the plugins beside it: its owner may own them, and where it is itself
/// writable by its group, that group may write them.
struct trusted_party {
    long owner = -1;           ///< uid, -1 for nobody
    long writable_group = -1;  ///< gid, -1 for none
};

/// What a file that runs already says of itself: the executable, or the library that loads.
trusted_party party_of(const char* file) noexcept;
inline trusted_party party_of_executable() noexcept {
    return party_of("/proc/self/exe");
}

/// Opens `path` for loading. With `trust::verified` the file and every directory above its resolved
/// path must be owned by a trusted party and writable by nobody else (a sticky directory may be),
/// be a regular file without set-id bits, and lie on a mount that allows execution. What is
/// returned is the very file that was checked. A refusal names the component and the command that
/// mends it.
result<unique_fd> open_plugin(const std::string& path, trust word, const trusted_party& party);

/// What `open_plugin` asks of the directories above a file, for a file in `path`.
status check_directory(const std::string& path, const trusted_party& party);

/// True when the process was started with raised privileges: the caller's word counts nothing then.
bool has_raised_privileges() noexcept;

}  // namespace fd2::loader
