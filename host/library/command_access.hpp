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
    /// Whether it can be right; errors are `invalid`.
    static status check(const ssh_command& of);
    /// Without the child's descriptors.
    static result<process::spawn_spec> spec(const ssh_command& of);
    static std::vector<std::shared_ptr<line_queue>> take_subscribers(ssh_command& of);
    static const std::string& backend(const ssh_command& of);
};

}  // namespace fd2
