// The control socket of a program that embeds fd2, where the platform has one.
#pragma once

#include <memory>

#include "base/result.hpp"

namespace fd2 {

class host_state;

/// Serves it until what is returned is destroyed, which `host` outlives.
result<std::shared_ptr<void>> serve_control(host_state& host);

}  // namespace fd2
