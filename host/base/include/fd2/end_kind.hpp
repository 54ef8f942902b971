// How the stream of a child's stderr ended.
#pragma once

#include <cstdint>
#include <string_view>

#include "fd2/api.hpp"

namespace fd2 {

enum class end_kind : std::uint8_t {
    none,            ///< it has not, or there was no channel
    eof,             ///< every writer is gone, everything was read
    writers_remain,  ///< the child has exited, another process still holds its stderr
    stopped,         ///< told to stop
    error,           ///< a system call failed
};

/// "eof", "writers-remain", ...: the spelling used in JSON and logs.
FD2_API std::string_view name_of(end_kind end) noexcept;

}  // namespace fd2
