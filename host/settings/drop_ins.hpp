// The directory beside a configuration file, for files that configuration management puts there.
// For this room and for files of causes.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace fd2::settings {

/// More files than anybody means; bounds the work that a directory can cause.
inline constexpr std::size_t most_drop_ins = 256;

struct drop_ins {
    enum class outcome { read, absent, refused, failed };
    outcome result = outcome::absent;
    std::vector<std::string> files;  ///< full paths of *.yaml, in the order of their names (bytes)
    std::vector<std::string> ignored;  ///< of those that a reader would take for YAML: *.yml
    std::string message;               ///< refused (no permission) and failed
    std::string advice;
};

/// What lies in `directory`. Hidden files are passed over, as a shell's *.yaml does. Where there is
/// no directory this costs one failed open.
drop_ins list_drop_ins(const std::string& directory);

/// False if the directory that `path` lies in is not there: then neither is what lies in it. One
/// system call.
bool has_directory(const std::string& path);

}  // namespace fd2::settings
