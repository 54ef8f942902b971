// Who named a plugin's path, and whether the file may be loaded into this process.
#pragma once

#include <string>

#include "base/result.hpp"
#include "base/trust.hpp"
#include "base/unique_fd.hpp"

namespace fd2::channel {

enum class trust_source {
    verified,  ///< the built-in directory, or one that a configuration file names: checked
    caller,  ///< named by the caller (option, environment, API), like LD_LIBRARY_PATH: not checked
};

/// The executable's own.
trusted_owner owner_of_executable();

/// A file that may be loaded.
struct opened_plugin {
    unique_fd descriptor;
    std::string
        path;  ///< what was opened: for trust_source::verified the resolved path that was checked
};

/// Opens `path`, which is absolute, for loading. With `trust_source::verified` the file and every
/// directory above its resolved path must be owned by root, the effective user or `owner`, and
/// writable by nobody else (a sticky directory may be), be a regular file without set-id bits, and
/// lie on a mount that allows execution. What is returned is the very file that was checked. A
/// refusal names the component and the command that fixes it.
result<opened_plugin> open_plugin(const std::string& path, trust_source source,
                                  const trusted_owner& owner);

/// What `open_plugin` asks of the directories above a file, for a file in `path`.
status check_directory(const std::string& path, const trusted_owner& owner);

}  // namespace fd2::channel
