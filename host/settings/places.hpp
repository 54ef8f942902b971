// Where configuration lies on this platform.
#pragma once

#include <string>
#include <string_view>

namespace fd2::settings {

/// The variable that names the directory below which the user's files are, if XDG_CONFIG_HOME does
/// not: HOME, or APPDATA on Windows.
extern const std::string_view home_variable;

/// The user's file below that directory.
std::string file_at_home(std::string_view home);

/// The file for all users.
std::string usual_system_file();

/// Both, as a person would write them.
extern const std::string_view usual_files;

/// What separates the directories of a list in a variable or an option.
extern const char between_directories;

/// How an absolute path begins, for advice.
extern const std::string_view absolute_begins;

}  // namespace fd2::settings
