// Where a log file is, once every link on the way that may be followed has been.
#pragma once

#include <string>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace fd2::logging {

/// A name in a directory. What is done through it (open, rename, unlink) cannot be redirected: the
/// directory is held open, and `name` is not a link.
struct log_path {
    unique_fd directory;  ///< O_PATH; none on Windows
    std::string name;     ///< on Windows the whole path
    /// `name` is a link of procfs, which stands for an open file (/dev/stderr, /dev/fd/3): it is
    /// opened by following it, and nothing else is done with it.
    bool descriptor = false;
};

/// Walks an absolute path. A link is followed only where nobody but root and us can create one: in
/// another user's directory, or in /tmp, it may have been put there to make us write or rename what
/// its owner cannot. The last component need not exist.
result<log_path> resolve_log_path(const std::string& path);

}  // namespace fd2::logging
