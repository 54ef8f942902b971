// The programs that fd2 works with: where they are, and their versions.
#pragma once

#include <string>

namespace fd2::cli::doctor {

struct program {
    std::string path;  ///< empty: not on PATH
    std::string says;  ///< the first line; empty: nothing came in time
    bool ourselves = false;
};

/// The first executable called `name` on PATH. With `argument` it is run, without input and for a
/// few seconds at most. [SIGCHLD is at its default]
program find_program(const std::string& name, const char* argument);

}  // namespace fd2::cli::doctor
