// `fd2 report`: what the reports of many runs come to.
#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "cli/environment.hpp"

namespace fd2::cli {

struct report_options {
    std::vector<std::string> files;  ///< `-` is standard input; none: report.file
    std::string since;               ///< empty: everything
    std::string out;                 ///< empty: standard output
    bool prometheus = false;
};

/// 0; or 2 if the command line is wrong, a file cannot be read, or the output not be written: then
/// nothing is printed or replaced.
int report(const common_options& given, const report_options& asked, const output_options& shown,
           std::ostream& out);

}  // namespace fd2::cli
