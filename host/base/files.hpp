// Small helpers for paths, files and descriptors.
#pragma once

#include <sys/stat.h>

#include <string>
#include <string_view>

#include "base/result.hpp"

namespace fd2 {

/// The absolute path of `path`, from the working directory if it is relative. As it is where it is
/// empty, or the working directory cannot be told.
std::string absolute(std::string_view path);

/// realpath(3).
result<std::string> real_path(const std::string& path);

/// The file that this process executes, links resolved; without /proc what it was started by.
/// Empty: unknown.
std::string own_executable();

/// Whether both are the same file: names for it may differ.
bool same_file(const struct stat& one, const struct stat& other) noexcept;

/// Gives a new file the owner, group and mode of the one that it replaces. False: not all of it
/// could be given. A group that could not be given gets no permission, and neither has another.
bool adopt_attributes(int fd, const struct stat& model) noexcept;

/// Sets O_NONBLOCK on a descriptor whose description nobody else has. 0, or an errno.
int set_non_blocking(int fd) noexcept;

}  // namespace fd2
