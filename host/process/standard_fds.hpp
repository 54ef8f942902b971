// Descriptors 0, 1 and 2 of this process: always open, and given up when they belong to the child.
#pragma once

#include <array>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace fd2::process {

/// Which of 0, 1, 2 were closed when the program started.
struct closed_at_start {
    std::array<bool, 3> closed{};
    bool any() const noexcept { return closed[0] || closed[1] || closed[2]; }
};

/// Opens /dev/null on each of 0, 1, 2 that is closed, so that no later descriptor of ours can land
/// there and be mistaken for the wire. These are the only descriptors that are opened without
/// close-on-exec, because the child is to have them. A failure names the descriptor; those before
/// it stay opened. [the first thing in main, before any other thread]
result<closed_at_start> secure_standard_fds();

/// Undoes that, for a command that takes our place.
void close_again(const closed_at_start& closed) noexcept;

/// A descriptor above 2 that we were given stays ours.
void keep_from_command(int fd) noexcept;

/// What this process has as its 0, 1 or 2: the number itself; on Windows the handle, or -1.
int standard_descriptor(int number) noexcept;

/// /dev/null for reading and writing, close-on-exec. Taken before the spawn, so that giving up the
/// wire afterwards cannot fail for want of a descriptor. Where there is no /dev/null, as in an
/// empty root, something of which reads find the end.
result<unique_fd> open_null();

/// The wire's ends among our own descriptors.
enum class wire_end : int { standard_input = 0, standard_output = 1 };

/// Puts `null_fd` in the place of our own 0 or 1, in one atomic step: the number is never free.
/// From then on EOF and EPIPE on the wire mean what the child and its peer make of them. [any
/// thread, after the spawn; nobody else may be using it]
status detach_stdio(wire_end which, int null_fd);

/// Whether our standard output is a socket.
bool standard_output_is_a_socket() noexcept;

}  // namespace fd2::process
