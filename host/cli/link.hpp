// fd2 under another command's name, for tools that take one word for their remote shell.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace fd2::cli {

/// `fd2 link DIR [NAME...]`: makes DIR/NAME (default: ssh) a symbolic link to this executable. An
/// existing link to it is left alone; anything else in the way is an error. 0 or 1.
int link(const std::string& directory, const std::vector<std::string>& names);

/// The name that we were called by, if it is not our own.
std::optional<std::string> borrowed_name(const char* argv0);

/// Whether `path` is this executable, by whatever name.
bool is_ourselves(const std::string& path);

/// Whether `path` is a regular file that we may execute.
bool is_executable(const std::string& path);

/// The first executable called `name` on PATH that is not this executable.
std::optional<std::string> next_on_path(const std::string& name);

}  // namespace fd2::cli
