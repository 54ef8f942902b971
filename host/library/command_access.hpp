// What the library reads of a command.
#pragma once

#include <fd2/ssh_command.hpp>

#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "library/line_queue.hpp"
#include "process/spawn.hpp"

namespace fd2 {

class command_access {
  public:
    /// Checks what can be known before the spawn; errors are `invalid`.
    static status check(const ssh_command& command);
    /// Without the child's descriptors.
    static result<process::spawn_spec> spec(const ssh_command& command);
    static std::vector<std::shared_ptr<line_queue>> take_subscribers(ssh_command& command);
    static stdio standard_input(const ssh_command& command) noexcept;
    static stdio standard_output(const ssh_command& command) noexcept;
    static const stop_actions& stop(const ssh_command& command) noexcept;
    static const std::string& backend(const ssh_command& command);
};

}  // namespace fd2
