// Whether a shared library lies whole in its file.
#pragma once

#include <string>

#include "base/result.hpp"

namespace fd2::loader {

/// The run-time linker maps what the headers promise without asking how long the file is, and dies
/// of SIGBUS where it ends early (an interrupted copy, a full disk). UNSUPPORTED for such a file.
/// Anything else that is wrong is left to the linker, which finds better words. `file` is for the
/// message.
status check_whole(int descriptor, const std::string& file);

}  // namespace fd2::loader
