// A file that whole records are appended to, with numbered rotation.
//
// Not Boost.Log's text_file_backend: it writes through an ofstream, so that every child inherits
// the descriptor and the errno of a failure is lost; it assumes that no one else uses the file,
// while several runs may share this one; and its collector renames and removes whatever has the
// right name.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "base/unique_fd.hpp"
#include "logging/log_path.hpp"

namespace fd2::logging {

/// What every record begins with, and therefore every log of ours.
inline constexpr std::string_view log_begins = "{\"time\":\"";

/// The largest write that a pipe takes whole or not at all.
extern const std::size_t in_one_piece;

/// Appends to FILE (created with mode 0640, less the umask). When the next record would carry it
/// beyond `max_size`, FILE becomes FILE.1, FILE.1 becomes FILE.2, and so on; FILE.keep is removed.
/// The new FILE has the owner, group and mode of the old one, as far as we are allowed to set them.
///
/// Only logs of ours are renamed or removed: a FILE or FILE.N that does not begin as one stays
/// where it is, and then nothing is rotated. Links are followed by the rule of log_path.hpp.
///
/// On Windows the new FILE has the access list that its directory gives.
///
/// Several processes may append to the same FILE: each write carries whole records, and a process
/// whose file was rotated by another, logrotate included, switches to the new one. Until there is a
/// new one, a renamed file is still written to; a deleted one is created again.
///
/// Not for concurrent use. Never blocks except in `wait`, as far as the kernel lets it: the
/// description is non-blocking, which has an effect on FIFOs and terminals but not on regular
/// files.
class log_file {
  public:
    /// Called when the file would block, with the time since which it has taken nothing: true
    /// once it may be tried again, false to give up.
    using waiter = std::function<bool(int fd, nanoseconds_t since)>;

    struct outcome {
        std::size_t records = 0;  ///< accepted whole, from the front
        int error = 0;            ///< why not all; EAGAIN: given up while it would block
    };

    /// `path` is absolute; `keep` rotated files stay.
    static result<log_file> open(const std::string& path, std::uint64_t max_size, unsigned keep);

    /// Appends records: the i-th ends before bytes[ends[i]]. A record that a failure cut off is
    /// ended by a newline before anything else is written. `out` is right even where this throws
    /// for lack of memory.
    void write(std::string_view bytes, std::span<const std::size_t> ends, const waiter& wait,
               outcome& out);

    const std::string& path() const noexcept { return path_; }

    /// What went wrong without losing a record (a failed rotation, a file that vanished) and was
    /// not returned before. Each kind is reported once in the file's life.
    std::vector<std::string> take_notes() { return std::exchange(notes_, {}); }

  private:
    log_file() = default;

    status open_path();
    unique_fd open_or_create(const log_path& at) const;
    bool is_foreign(const std::string& name) const noexcept;
    bool settle_identity(std::uint64_t& size);
    bool rotate();
    unique_fd make_successor();
    std::string numbered(unsigned number) const;
    int put(std::string_view bytes, std::size_t& done, const waiter& wait);

    enum kind { rotation, deletion, opening };
    void note(kind what, std::string text);

    std::string path_;
    log_path at_;  // what it resolves to: rotation renames here
    std::uint64_t max_size_ = 0;
    unsigned keep_ = 0;
    unique_fd fd_;
    bool regular_ = false;         // a file with a name of its own: rotated, and found again by it
    bool torn_ = false;            // the last byte written is inside a record
    bool want_new_ = false;        // FILE was renamed by us and could not be opened anew
    std::uint64_t retry_at_ = 0;   // no further rotation is tried below this size
    std::array<bool, 3> noted_{};  // by kind
    std::vector<std::string> notes_;
};

}  // namespace fd2::logging
