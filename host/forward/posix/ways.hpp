// The ways of writing, one file each; `open_writer` picks among them.
#pragma once

#include <memory>

#include "forward/writer.hpp"

namespace fd2::forward {

/// sendmsg with MSG_DONTWAIT and MSG_NOSIGNAL, on the descriptor itself.
std::unique_ptr<writer> socket_way(int fd);

/// write(2) on the descriptor itself, which waits as the object wants: files, /dev/null, the rest.
std::unique_ptr<writer> plain_way(int fd);

/// A private, non-blocking open file description of the same pipe, FIFO or terminal. Null with
/// `error` set where it cannot be had (another uid's object, no /proc, no reader: ENXIO).
std::unique_ptr<writer> reopened_way(int fd, bool terminal, int& error);

/// For a pipe that cannot be re-opened: splice from a private pipe. Null with `error` set where
/// there are no descriptors for it.
std::unique_ptr<writer> splice_way(int fd, int& error);

/// For a terminal that cannot be re-opened: writes that block, in small pieces, cancellable.
std::unique_ptr<writer> terminal_way(int fd);

}  // namespace fd2::forward
