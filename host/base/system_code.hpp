// What a failed system call left behind: errno, or on Windows GetLastError().
#pragma once

#include <string>

namespace fd2 {

/// The code of the call that has just failed in this thread.
int last_system_code() noexcept;

/// What it means, in a few words and in English, without a full stop: "Too many open files".
std::string reason_of(int code);

/// Neither the file nor, perhaps, its directory exists.
bool means_absent(int code) noexcept;
/// Something on the way, or what should be a directory, is none.
bool means_no_directory(int code) noexcept;
/// There is something of that name that cannot be opened as a file: a socket.
bool means_no_file(int code) noexcept;
/// No permission.
bool means_denied(int code) noexcept;

/// The codes that we give ourselves, or that decide what happens next.
namespace system_code {
extern const int no_memory;       ///< ENOMEM
extern const int timed_out;       ///< ETIMEDOUT
extern const int would_block;     ///< EAGAIN
extern const int no_reader;       ///< EPIPE
extern const int bad_descriptor;  ///< EBADF
extern const int no_space;        ///< ENOSPC
extern const int not_permitted;   ///< EPERM
extern const int denied;          ///< EACCES
extern const int not_supported;   ///< ENOTSUP
extern const int interrupted;     ///< EINTR
extern const int io_error;        ///< EIO
extern const int no_child;        ///< ECHILD
}  // namespace system_code

}  // namespace fd2
