// Why a command failed, as far as its last lines and its status say.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace fd2::cause {

/// What kind of failure it was (docs/why.md). `advisory` is said of lines only: noise is never the
/// cause.
enum class kind : std::uint8_t {
    auth,
    host_key,
    dns,
    refused,
    timeout,
    unreachable,
    proxy,
    mux,
    config,
    remote_command,
    remote_signal,
    local_signal,
    disk,
    advisory,
    unknown
};

enum class confidence : std::uint8_t { low, medium, high };

std::string_view name_of(kind) noexcept;
std::string_view name_of(confidence) noexcept;
std::optional<kind> parse_kind(std::string_view word) noexcept;
std::optional<confidence> parse_confidence(std::string_view word) noexcept;

/// All of them, in the order of the enumeration.
std::span<const std::string_view> kind_names() noexcept;
std::span<const std::string_view> confidence_names() noexcept;

/// The answer. A value: it refers to nothing.
struct found_cause {
    kind is = kind::unknown;
    confidence sure = confidence::low;
    std::optional<std::string> line;  ///< the one that says so, as the command wrote it; may be cut
    std::string rule;                 ///< its id; empty: no rule matched
    std::string next;                 ///< what to do now; empty where nobody knows
    bool operator==(const found_cause&) const = default;
};

}  // namespace fd2::cause
