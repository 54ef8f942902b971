#include "cause/cause.hpp"

#include <algorithm>
#include <iterator>

namespace fd2::cause {
namespace {

constexpr std::string_view kinds[] = {"auth",    "host-key",       "dns",           "refused",
                                      "timeout", "unreachable",    "proxy",         "mux",
                                      "config",  "remote-command", "remote-signal", "local-signal",
                                      "disk",    "advisory",       "unknown"};
static_assert(std::size(kinds) == static_cast<std::size_t>(kind::unknown) + 1);

constexpr std::string_view confidences[] = {"low", "medium", "high"};

template <class Value, std::size_t Size>
std::optional<Value> parse(const std::string_view (&names)[Size], std::string_view word) noexcept {
    const auto found = std::find(std::begin(names), std::end(names), word);
    if (found == std::end(names)) return std::nullopt;
    return static_cast<Value>(found - std::begin(names));
}

}  // namespace

std::string_view name_of(kind which) noexcept {
    return kinds[static_cast<std::size_t>(which)];
}

std::string_view name_of(confidence which) noexcept {
    return confidences[static_cast<std::size_t>(which)];
}

std::optional<kind> parse_kind(std::string_view word) noexcept {
    return parse<kind>(kinds, word);
}

std::optional<confidence> parse_confidence(std::string_view word) noexcept {
    return parse<confidence>(confidences, word);
}

std::span<const std::string_view> kind_names() noexcept {
    return kinds;
}

std::span<const std::string_view> confidence_names() noexcept {
    return confidences;
}

}  // namespace fd2::cause
