// Who holds an object open: a question asked afterwards, best effort.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"

namespace fd2::process {

/// A kernel object as fstat(2) names it.
struct object_id {
    dev_t device = 0;
    ino_t inode = 0;
};

/// That behind a descriptor; none on Windows, where they have no names.
std::optional<object_id> object_behind(int fd) noexcept;

struct holder {
    pid_t pid = 0;
    std::string command;  ///< the command line, spaces between arguments; "?" if it is hidden
};

/// The other processes that have `object` open, by pid. Processes of other users are hidden from
/// us unless we are root, and so are some of our own (ssh-agent): `complete` false says that
/// somebody could not be looked at, or that `deadline` came first.
struct holders {
    std::vector<holder> found;
    bool complete = true;
};
holders holders_of(object_id object, nanoseconds_t deadline);

}  // namespace fd2::process
