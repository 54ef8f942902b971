// How the library reports what happens.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string_view>

namespace fd2 {

enum class severity : std::uint8_t { trace, debug, info, warning, error };

/// One thing that happened. The views are valid during the call only.
struct event {
    severity level = severity::info;
    std::string_view message;       ///< one line, no newline
    std::string_view backend = {};  ///< the backend's id, or empty
    std::uint64_t channel = 0;      ///< the channel's number within the host, 0 for none
    pid_t pid = 0;                  ///< the child, 0 for none
};

/// Receives events. `on_event` may be called from any thread, also from one that reads a child's
/// stderr: it must neither block nor throw. The observer must outlive what it is given to.
class observer {
  public:
    virtual ~observer() = default;
    virtual void on_event(const event& what) noexcept = 0;
};

}  // namespace fd2
