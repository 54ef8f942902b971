// The state of the machine as far as fd2 depends on it. Plain data, so that tests can make up a
// machine.
#pragma once

#include <cstdint>
#include <string>

namespace fd2::cli::doctor {

/// A number that the kernel publishes; without one, the errno of asking.
struct number {
    std::uint64_t value = 0;
    int error = 0;
};

/// Our own descriptor 2, as it was given to us.
struct own_stderr {
    enum class kind : std::uint8_t { terminal, pipe, socket, file, null, other };
    bool closed = false;
    int error = 0;  ///< errno of looking at it
    kind what = kind::other;
    std::string name;  ///< "pipe:[4711]", "/dev/pts/3"; may be empty
    bool writable = true;
    bool non_blocking = false;
    bool full = false;
    bool reader_gone = false;
    std::string writer;  ///< how fd2 run writes to it (forward::forwarder::writer_name)
};

/// The name by which programs open their stderr.
struct stderr_name {
    int error = 0;       ///< errno of stat
    std::string target;  ///< of the link; empty: it is none
    bool ours = false;   ///< it leads to our own descriptor 2
};

struct limits {
    static constexpr std::uint64_t unlimited = UINT64_MAX;
    number files;  ///< RLIMIT_NOFILE, soft
    number files_hard;
    std::uint64_t files_open = 0;
    number tasks;         ///< RLIMIT_NPROC, soft; does not bind root
    number tasks_cgroup;  ///< pids.max of our cgroup
    number tasks_in_cgroup;
};

struct machine {
    std::string kernel;  ///< "Linux 6.1.0"
    int proc = 0;        ///< 0: a procfs that shows us ourselves
    own_stderr err;
    stderr_name dev_stderr;
    number pipe_size;  ///< of a pipe that was opened for it
    number page_size;
    number pipe_max_size;
    number pipe_user_pages_soft;
    number pipe_user_pages_hard;
    number wmem_max;
    limits limit;
    int pidfd = 0;          ///< errno of pidfd_open
    int socketpair = 0;     ///< errno of socketpair(AF_UNIX)
    int loopback = 0;       ///< 0: there is an interface lo, and it is up
    bool filtered = false;  ///< a seccomp filter is in force
};

/// Looks at all of it. What cannot be read becomes an errno in its place; nothing is changed, and
/// no flag of a descriptor that others share is touched. `closed`: descriptor 2 was closed at the
/// start.
machine look_at_machine(bool closed);

/// Why `file`, a log's, could not be written; 0 if it could. Nothing is created.
int cannot_append(const std::string& file);

/// How many descriptors this process has open.
std::uint64_t open_descriptors();

}  // namespace fd2::cli::doctor
