// Reads a configuration file: only a regular one, only up to a limit, and without waiting.
// For this room and for files of causes.
#pragma once

#include <cstddef>
#include <string>

namespace fd2::settings {

/// Ten times the commented defaults. Whatever the file holds, the work it can cause is bounded by
/// this.
inline constexpr std::size_t largest_file = 64 * 1024;

struct file_bytes {
    enum class outcome { read, absent, refused, distrusted, irregular, failed };
    outcome result = outcome::failed;
    std::string text;     ///< read
    std::string message;  ///< refused (no permission), distrusted, irregular (no file) and failed
    std::string advice;
};

/// Whether the file must be one that nobody else can have written.
enum class file_trust {
    verified,   ///< read only if root or we own it and nobody else can write it (base/trust.hpp)
    unchecked,  ///< looked at, not acted on
};

/// Opens without waiting (a FIFO does not block), and reads at most `largest_file` bytes.
/// `absent`: neither the file nor, perhaps, its directory exists. What is read is the very file
/// that was checked.
file_bytes read_file(const std::string& path, file_trust trust);

/// The check of `file_trust::verified` alone, for a file that can be read: `distrusted` with the
/// reason, or `read` without a text, as for everything that is no regular file: /dev/null is
/// writable by others, and is to stay so.
file_bytes check_trust(const std::string& path);

}  // namespace fd2::settings
