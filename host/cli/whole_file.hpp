// A file that is replaced as a whole: whoever reads it sees the old one or the new one.
#pragma once

#include <sys/types.h>

#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace fd2::cli {

/// Writes `parts` beside `path`, which is absolute, and renames that to it. `mode` is what the new
/// file gets, less the umask, whatever an old one had. Links are followed by the rule of
/// logging/log_path.hpp. Fails, and leaves the old file as it is, if `path` is something else than
/// a regular file or the directory cannot be written to. Of the calling thread's signals SIGXFSZ
/// is blocked, or kills at a limit on the size of files.
status replace_file(const std::string& path, std::span<const std::string_view> parts, mode_t mode);

}  // namespace fd2::cli
