// From a command's name to the files that may be it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fd2::process {

/// The files to try for `command`, in order: the command itself if it contains a slash, else one a
/// directory of `path`, a list as in PATH, where an empty entry is the working directory.
/// `path` null: the system's default list. Nothing is looked up: what is not there is found out
/// by executing it. Empty for an empty command.
std::vector<std::string> command_candidates(std::string_view command, const char* path);

/// What a command is called, of its path: "ssh" of "/usr/bin/ssh", on Windows of
/// "C:\\OpenSSH\\ssh.exe".
std::string_view command_base(std::string_view path) noexcept;

}  // namespace fd2::process
