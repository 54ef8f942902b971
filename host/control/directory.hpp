// Where control sockets are: one directory a user, one socket a host.
//
// $XDG_RUNTIME_DIR/fd2, /run/user/UID/fd2, /run/fd2 for root, otherwise /tmp/fd2-UID: the first
// whose parent is there and belongs to the user. FD2_RUNTIME_DIR names another one, for hosts that
// are nobody else's business: a test's, a container's. Nobody else may enter it. A socket is called
// after its host's pid, with ".2" and so on for further hosts in one process.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace fd2::control {

/// One socket, which may be that of a host that has gone.
struct socket_entry {
    std::string directory;
    std::string name;
    pid_t pid = 0;
};

/// The directory in which our own socket goes, made where it is missing. DENIED: others own or may
/// write it.
result<unique_fd> open_own_directory(std::string* path = nullptr);

/// The sockets of this user, by pid; for root, of every user.
std::vector<socket_entry> list_sockets();

/// A listening socket in the directory, which only the owner may connect to; `name` gets its name.
result<unique_fd> listen_in(int directory, std::string& name);

/// A connection. ECONNREFUSED: the host has gone, and its socket was removed.
result<unique_fd> connect_to(const socket_entry& host);

/// Removes the sockets of processes that have gone.
void remove_stale(int directory);

}  // namespace fd2::control
