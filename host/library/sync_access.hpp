// What the library's own code needs of a connection, beside the public interface.
#pragma once

#include <fd2/connection.hpp>

#include "process/child.hpp"

namespace fd2 {

/// `connection` was not moved from.
process::child& process_of(SshConnection& connection) noexcept;

}  // namespace fd2
