// Built-in values that are not the same on every platform
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace fd2::settings {

enum class capability : std::uint8_t;

/// True where the parity matrix passes in CI (docs/parity.md).
extern const bool async_captures;

std::vector<std::string> usual_sync_backends();
std::vector<std::string> usual_async_backends();

/// What a command other than ssh asks of a backend: that it can open its stderr by its name, where
/// it has one.
std::vector<capability> usually_required_unless_ssh();

}  // namespace fd2::settings
