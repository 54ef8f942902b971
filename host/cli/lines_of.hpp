// Reads what runs have left behind, line by line and in bounded memory.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace fd2::cli {

/// Calls `use` with each line of a file (`-`: standard input) that is not empty, without its
/// newline, and its number. A line longer than any report is cut.
status each_line(const std::string& name,
                 const std::function<void(std::string_view, std::uint64_t)>& use);

/// What is said where a FILE was not named and report.file is not set.
inline constexpr const char* no_report_file =
    "no FILE, and report.file is off (outside of rules); name a file, or set report.file in "
    "fd2.yaml so that runs leave reports";

/// More about a file that could not be read, if it is missing and `configured`.
std::string about_missing(const failure& why, bool configured);

}  // namespace fd2::cli
