// From arguments to the one string that a Windows process is started with.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace fd2::process {

/// By whose rules the program splits its command line.
enum class quoting {
    automatic,  ///< `batch` for a file .bat or .cmd, `shell` for cmd.exe, otherwise `words`
    words,      ///< CommandLineToArgvW's, which are those of the C run-time
    shell,      ///< cmd.exe's: what stands behind /C or /K is a line of its language
    batch,      ///< cmd.exe's, which reads a batch file: nothing in an argument may mean something
};

/// The command line of `argv`, where `file` is the program. INVALID: an argument cannot be written
/// so that the program gets it as it is.
result<std::wstring> command_line(const std::vector<std::string>& argv, std::string_view file,
                                  quoting how);

}  // namespace fd2::process
