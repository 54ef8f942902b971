// A configuration file as bytes, without surprises: regular, bounded, never a wait.
// Private to the room.
#pragma once

#include <cstddef>
#include <string>

namespace fd2::settings {

/// Ten times the commented defaults. Whatever the file holds, the work it can cause is bounded by
/// this.
inline constexpr std::size_t largest_file = 64 * 1024;

struct file_bytes {
    enum class outcome { read, absent, refused, failed };
    outcome result = outcome::failed;
    std::string text;     ///< read
    std::string message;  ///< refused (no permission) and failed
    std::string way_out;
};

/// Opens without waiting (a FIFO does not block), and reads at most `largest_file` bytes.
/// `absent`: neither the file nor, perhaps, its directory exists.
file_bytes read_file(const std::string& path);

}  // namespace fd2::settings
