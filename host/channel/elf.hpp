// Whether a file is a shared library for this machine, and whole.
#pragma once

#include <string>

#include "base/result.hpp"

namespace fd2::channel {

/// Checks what the run-time linker does not: it maps what the headers promise without asking how
/// long the file is, and the process dies of SIGBUS where the file ends early (an interrupted copy,
/// a full disk); and it reports a library for another machine as no library at all. UNSUPPORTED for
/// both. Anything else that is wrong is left to the linker, whose message is better. `file` is for
/// the message.
status check_elf(int descriptor, const std::string& file);

}  // namespace fd2::channel
