// fd2 under another command's name, for tools that take only the path of a remote shell.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"

namespace fd2::cli {

/// `fd2 link DIR [NAME...]`: makes DIR/NAME (default: ssh) a symbolic link to this executable; on
/// Windows DIR/NAME.exe a copy of it. An existing one is left alone; anything else in the way is an
/// error. 0 or 1.
int link(const std::string& directory, const std::vector<std::string>& names);

/// The file beside a copy of fd2, made by `fd2 link`, that says where the original lies. [Windows]
std::string home_note_of(const std::string& executable);

/// The name that we were called by, if it is not our own.
std::optional<std::string> borrowed_name(const char* argv0);

/// Whether `path` is this executable, by whatever name.
bool is_ourselves(const std::string& path);

/// Whether `path` is a regular file that we may execute.
bool is_executable(const std::string& path);

/// The command that a link called `name` stands for: the next executable of that name on PATH,
/// after the directory that we were found in. It may be a link to another fd2, which goes on after
/// its own directory; an environment variable, set here for the command, tells it where that is.
///
/// Links never call each other for ever: along one PATH each hop is further on than the one before
/// it. Where the chain has left that path (a script in between changed PATH or did not exec), hops
/// are counted, and after `most_hops` it is an error (code `state`) that names both files. Nothing
/// found: `unsupported`. [one thread, once; changes the environment]
result<std::string> next_on_path(const std::string& name);

/// Links in one chain of commands. ssh calls itself once per jump host (ProxyJump), each time
/// through the link; nobody has this many.
inline constexpr unsigned most_hops = 32;

}  // namespace fd2::cli
