// How the enumerators are spelled in configuration files, each array in the order of its enum.
// Private to the room.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "base/severity.hpp"
#include "settings/settings.hpp"

namespace fd2::settings {

inline constexpr std::array<std::string_view, 2> transport_names{"sync", "async"};
inline constexpr std::array<std::string_view, 9> capability_names{
    "event-loop", "pollable", "wake", "keeps-writers", "reopenable",
    "compact",    "atomic",   "tty",  "handover"};
inline constexpr std::array<std::string_view, 3> terminal_names{"when-asked", "always", "never"};
inline constexpr std::array<std::string_view, 3> writers_names{"auto", "leave", "follow"};
inline constexpr std::array<std::string_view, 4> forward_names{"raw", "lines", "lossy", "off"};
inline constexpr std::array<std::string_view, 3> blocked_names{"auto", "wait", "drop"};
inline constexpr std::array<std::string_view, 3> surface_names{"on-loss", "always", "never"};
inline constexpr std::array<std::string_view, 2> log_full_names{"pause", "drop"};
inline constexpr std::array<std::string_view, 3> report_names{"always", "failure", "loss"};
/// What may stand in tail.file (cli/run_reports.hpp has what they stand for).
inline constexpr std::array<std::string_view, 5> placeholder_names{"%p", "%c", "%h", "%t", "%%"};
inline constexpr std::array<std::string_view, 3> trial_names{"auto", "always", "never"};
inline constexpr std::array<std::string_view, 2> swap_names{"keep", "hand-over"};
inline constexpr std::array<std::string_view, 2> proof_names{"conforms", "trial"};
/// A severity, or the last one for none at all.
inline constexpr std::array<std::string_view, 6> threshold_names{"trace",   "debug", "info",
                                                                 "warning", "error", "off"};

template <std::size_t N, class Enum>
constexpr std::string_view spelled(const std::array<std::string_view, N>& names,
                                   Enum which) noexcept {
    const auto index = static_cast<std::size_t>(which);
    return index < N ? names[index] : std::string_view("unknown");
}

}  // namespace fd2::settings
