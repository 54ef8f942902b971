// How severities are spelled, in configuration files and in messages.
#pragma once

#include <fd2/observer.hpp>

#include <array>
#include <cstddef>
#include <string_view>

namespace fd2 {

inline constexpr std::array<std::string_view, 5> severity_names{"trace", "debug", "info", "warning",
                                                                "error"};

constexpr std::string_view name_of(severity level) noexcept {
    const auto index = static_cast<std::size_t>(level);
    return index < severity_names.size() ? severity_names[index] : std::string_view("unknown");
}

}  // namespace fd2
