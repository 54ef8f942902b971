// Which way of writing an object wants: decided once, by what fstat(2) says it is.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>

#include "forward/posix/ways.hpp"

namespace fd2::forward {
namespace {

/// Re-opening the master side of a pty makes a new pty, whose bytes nobody would ever read.
bool is_pty_master(dev_t device) {
    return device == makedev(5, 2);
}

opened pipe_writer(int fd) {
    opened out;
    out.way = reopened_way(fd, false, out.error);
    if (out.way) return out;
    // ENXIO on a pipe: there is no reader, so a write would fail just the same.
    if (out.error == ENXIO) {
        out.error = EPIPE;
        return out;
    }
    int refused = 0;
    out.way = splice_way(fd, refused);
    out.error = refused;  // EMFILE and its like: nothing here writes without blocking
    return out;
}

opened terminal_writer(int fd, dev_t device) {
    opened out;
    out.terminal = true;
    int refused = 0;
    if (!is_pty_master(device)) out.way = reopened_way(fd, true, refused);
    if (!out.way) out.way = terminal_way(fd);
    return out;
}

}  // namespace

opened open_writer(int fd) {
    opened out;
    struct stat about {};
    if (::fstat(fd, &about) != 0) {
        out.error = errno;
        return out;
    }
    // The re-open would turn a read end into a write end; a plain write would have said EBADF.
    // (O_PATH descriptors count as read-only here.)
    const int flags = ::fcntl(fd, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY) {
        out.error = EBADF;
        return out;
    }
    if (S_ISSOCK(about.st_mode)) {
        out.way = socket_way(fd);
    } else if (S_ISFIFO(about.st_mode)) {
        return pipe_writer(fd);
    } else if (S_ISCHR(about.st_mode) && ::isatty(fd) != 0) {
        return terminal_writer(fd, about.st_rdev);
    } else {
        out.way = plain_way(fd);
    }
    return out;
}

}  // namespace fd2::forward
