// The options of a backend, checked against the table that its plugin publishes. The channel room
// translates that table into `option_rule`s, so that this room knows nothing of the contract.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "settings/settings.hpp"

namespace fd2::settings {

enum class option_type : std::uint8_t { boolean, integer, bytes, duration, choice };

/// What a plugin says about one of its options.
struct option_rule {
    std::string name;
    option_type type = option_type::integer;
    std::int64_t minimum = 0;  ///< integer, bytes, duration (nanoseconds); inclusive
    std::int64_t maximum = 0;
    std::vector<std::string> choices;  ///< choice
};

/// A value as the plugin takes it.
struct checked_option {
    std::string name;
    option_type type = option_type::integer;
    std::int64_t number = 0;  ///< boolean (0, 1), integer, bytes, nanoseconds
    std::string text;         ///< choice: the word; empty otherwise
    bool operator==(const checked_option&) const = default;
};

/// The valid ones among `given`, by name. What is wrong with the others is appended to `found`: the
/// place, "options.BACKEND.OPTION", and the nearest valid name or other advice.
std::vector<checked_option> check_options(std::string_view backend, const option_map& given,
                                          std::span<const option_rule> rules,
                                          std::vector<diagnostic>& found);

}  // namespace fd2::settings
