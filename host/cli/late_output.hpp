// Where a report goes that is written when all is over.
#pragma once

#include <fd2/observer.hpp>

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace fd2::cli {

/// A file or descriptor that gets its content when all is over, but is opened before the command is
/// started: a path that cannot be written is an error while nothing has happened yet.
class late_output {
  public:
    /// Opens and truncates. /dev/stdout, /dev/stderr, /dev/fd/N and /proc/self/fd/N are the
    /// descriptor itself and not the file behind it: what is redirected there is neither truncated
    /// nor overwritten from its beginning.
    status open(const std::string& path);

    /// Takes over a descriptor that we were given; the command does not get it, unless it is one of
    /// 0, 1 and 2, which are the command's: of those we keep a duplicate.
    status take(int fd);

    /// Writes all of it, waiting where it must. A failure is reported and changes nothing else.
    void write(std::string_view text, observer& watch) const;

  private:
    status duplicate(int fd);

    unique_fd file_;
    std::string name_;
};

}  // namespace fd2::cli
