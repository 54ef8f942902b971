// A file that whole records are appended to, with numbered rotation.
//
// Boost.Log's text_file_backend writes through an ofstream: the descriptor is inherited by every
// child, the errno of a failure is gone, and rotated files are named by a collector of its own.
// This one opens close-on-exec, reports errnos, and names files as logrotate does.
#pragma once

#include <sys/stat.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/failure.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace fd2::logging {

/// Appends to FILE (created with mode 0640, less the umask). When the next record would carry it
/// beyond `max_size`, FILE becomes FILE.1, FILE.1 becomes FILE.2, and so on; FILE.keep goes.
///
/// Several processes may append to the same FILE: each write carries whole records, and a process
/// whose file was rotated by another goes over to the new one. A file that was renamed with no
/// successor is written on until `reopen` (logrotate's way); one that was deleted is made again.
///
/// Not for concurrent use. Never blocks except in `wait`, as far as the kernel lets it: the
/// description is non-blocking, which FIFOs and terminals heed and regular files do not.
class rotating_file {
  public:
    struct limits {
        std::uint64_t max_size = 0;  ///< bytes, 0: never rotated
        unsigned keep = 0;           ///< rotated files that stay
    };
    /// Called when the file would block, with the time since which it has taken nothing: true
    /// once it may be tried again, false to give up.
    using waiter = std::function<bool(int fd, nanoseconds_t since)>;

    struct outcome {
        std::size_t records = 0;  ///< accepted whole, from the front
        int error = 0;            ///< why it were not all; EAGAIN: given up while it would block
    };

    static result<rotating_file> open(const std::string& path, const limits& how);

    /// Appends records: the i-th ends before bytes[ends[i]]. A record that was torn by a failure
    /// is ended by a newline before anything else is written.
    outcome write(std::string_view bytes, std::span<const std::size_t> ends, const waiter& wait);

    /// Opens the path anew; the old file stays if that fails.
    status reopen();

    const std::string& path() const noexcept { return path_; }
    std::uint64_t rotations() const noexcept { return rotations_; }

    /// What went wrong without losing a record (a failed rotation, a file that vanished) and was
    /// not asked for before. Each kind is reported once in the file's life.
    std::vector<std::string> take_notes();

  private:
    rotating_file() = default;

    status open_path();
    bool settle_identity(std::uint64_t& size);
    bool is_rotated(const struct stat& mine) const;
    bool rotate();
    void note(bool& said, std::string text);
    std::string numbered(unsigned number) const;
    int put(std::string_view bytes, std::size_t& done, const waiter& wait);

    std::string path_;    // as given, made absolute
    std::string target_;  // what it resolves to: rotation renames here
    limits limits_;
    unique_fd fd_;
    bool regular_ = false;
    bool torn_ = false;           // the last byte written is inside a record
    bool want_new_ = false;       // FILE was renamed by us and could not be opened anew
    std::uint64_t retry_at_ = 0;  // no further rotation is tried below this size
    std::uint64_t rotations_ = 0;
    bool said_rotation_ = false;
    bool said_moved_ = false;
    bool said_open_ = false;
    std::vector<std::string> notes_;
};

}  // namespace fd2::logging
