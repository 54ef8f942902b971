// How a child's stderr is passed on: what the settings name and the forwarder does.
#pragma once

#include <cstdint>

namespace fd2 {

/// How a child's bytes look on our own stderr.
enum class forward_mode : std::uint8_t {
    raw,    ///< byte for byte, each chunk as it came in one write (PIPE_BUF is not regarded)
    lines,  ///< whole lines, each behind the prefix; on a pipe, one of up to PIPE_BUF bytes (prefix
            ///< included) goes out in one write, so that no other writer can cut it
    lossy,  ///< byte for byte, except that invalid UTF-8 becomes U+FFFD
    off,    ///< nothing is written; bytes are counted as offered and as nothing else
};

/// What happens to the child when our own stderr takes no more.
enum class blocked_policy : std::uint8_t {
    automatic,  ///< a terminal: wait until `finishing`; else buffer, wait, and drop after `stall`
    wait,       ///< pause as soon as anything is queued, for as long as it takes
    drop,       ///< never pause; what does not fit into the buffer is dropped and counted
};

}  // namespace fd2
