// Small helpers for paths, files and descriptors.
//
// Paths are UTF-8. On Windows what is returned has '/' between its parts, which the system takes as
// well, so that code that looks for one works there too; what is passed in may have either.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace fd2 {

/// Begins at the root ("/a"; on Windows "C:/a", "//server/share").
bool is_absolute(std::string_view path) noexcept;

/// The absolute path of `path`, from the working directory if it is relative. As it is where it is
/// empty, or the working directory cannot be told.
std::string absolute(std::string_view path);

/// realpath(3): every link is resolved.
result<std::string> real_path(const std::string& path);

/// The file that this process executes, links resolved; without /proc what it was started by.
/// Empty: unknown.
std::string own_executable();

/// The file that this code is mapped from: the executable, or a library that has it linked in.
/// Empty: unknown.
std::string own_module();

/// "NAME=value" each, in UTF-8, ended by null. As it was at the first call, or newer.
char** own_environment();

/// A variable of the environment; none if it is not set. [not while another thread sets one]
std::optional<std::string> environment_variable(const char* name);

/// For std::filesystem, which takes a std::string for something else than UTF-8 on Windows.
std::filesystem::path path_of(std::string_view utf8);
/// The inverse of path_of.
std::string utf8_path(const std::filesystem::path& path);

/// Whether something has this name, or nobody may tell us. One system call.
bool is_there(const std::string& path) noexcept;

/// Which file it is: names for it may differ.
struct file_identity {
    std::uint64_t device = 0;
    std::uint64_t number = 0;
    friend bool operator==(const file_identity&, const file_identity&) noexcept = default;
};
result<file_identity> identity_of(const std::string& path);
result<file_identity> identity_of(int fd);

enum class file_kind : std::uint8_t { regular, directory, pipe, device, socket, unknown };
result<file_kind> kind_of(int fd);

enum class last_link : std::uint8_t { follow, refuse };
/// Whether to wait for somebody who writes to a FIFO, both when it is opened and when it is read.
enum class writers : std::uint8_t { not_awaited, awaited };

/// Opens an existing file or directory to be read, and not to be inherited. The failure's operation
/// is "open".
result<unique_fd> open_to_read(const std::string& path, last_link link = last_link::follow,
                               writers who = writers::not_awaited);

/// Reads once, where bytes are there or are waited for; 0 at the end.
result<std::size_t> read_some(int fd, char* data, std::size_t size);

/// Writes all of it to a descriptor that blocks.
status write_all(int fd, std::string_view bytes);

/// Gives `from` the name `to`, whatever had it before: at every moment there is one of the two. On
/// Windows it fails while somebody has `to` open.
status replace_file(const std::string& from, const std::string& to);

/// Calls `take` with the names in a directory, hidden ones included, in no order, as long as it
/// answers true. The failure's operation is "open" where the directory could not be.
status each_name_in(const std::string& directory,
                    const std::function<bool(std::string_view name)>& take);

/// Sets O_NONBLOCK on a descriptor whose description nobody else has. 0, or an errno.
int set_non_blocking(int fd) noexcept;

}  // namespace fd2
