// `fd2 why`: why a command failed, from what it left behind.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "cli/environment.hpp"

namespace fd2::cli {

struct why_options {
    std::string file;    ///< `-` is standard input; empty: report.file
    std::string status;  ///< of a text; empty: unknown
    std::string tool;    ///< that wrote a text; empty: unknown
    bool list = false;   ///< the classes and rules
    bool rules = false;  ///< the rules, as a file has them
};

/// 0: a cause was found. 1: none is known, or nothing failed. 2: the command line is wrong, or the
/// file cannot be read or is damaged.
int why(const common_options& given, const why_options& asked, const output_options& shown,
        std::ostream& out);

}  // namespace fd2::cli
