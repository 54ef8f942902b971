// A child's stdin and stdout, and our ends of them.
#pragma once

#include <fd2/stdio.hpp>

#include <cstddef>
#include <system_error>

#include "base/result.hpp"
#include "base/unique_fd.hpp"

namespace fd2 {

enum class stream : int { input = 0, output = 1 };

/// One of the child's descriptors 0 and 1.
struct standard_stream {
    int child = -1;   ///< what the child gets; -1: what is there
    unique_fd given;  ///< `child`, where it is ours to close
    unique_fd wire;   ///< the other end of a pipe; on Windows overlapped
};

result<standard_stream> make_stream(stdio what, stream which);

/// Waits for bytes; 0: the end, or a failure.
std::size_t read_wire(int fd, void* data, std::size_t size, std::error_code& failed) noexcept;

/// Waits until some are taken; how many.
std::size_t write_wire(int fd, const void* data, std::size_t size,
                       std::error_code& failed) noexcept;

}  // namespace fd2
