// fd2 top: what runs on this machine, on one screen.
#pragma once

#include <ostream>

namespace fd2::cli {

/// Until q or Ctrl-C. Returns the exit status.
int top(std::ostream& out);

}  // namespace fd2::cli
