// Built-in values that are not the same on every platform
#pragma once

#include <string>
#include <vector>

namespace fd2::settings {

/// True where the parity matrix passes in CI (docs/parity.md).
extern const bool async_captures;

std::vector<std::string> usual_sync_backends();
std::vector<std::string> usual_async_backends();

}  // namespace fd2::settings
