// Words to typed values. One set of rules for files, variables, options and plugins' options.
// Private to the room.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "settings/keys.hpp"
#include "settings/origin.hpp"

namespace fd2::settings {

/// A scalar as it was written. Only files know quotes; a variable or an option has no types, so
/// that 1 and 0 are booleans there too.
struct scalar {
    std::string text;
    bool quoted = false;
    origin at;
};

/// What is wrong, and what to write instead.
struct problem {
    std::string message;
    std::string way_out;
};

template <class T>
struct converted {
    std::optional<T> value;
    problem wrong = {};
};

converted<bool> to_bool(const scalar& from);
converted<std::int64_t> to_integer(const scalar& from, std::int64_t minimum, std::int64_t maximum);
converted<std::int64_t> to_size(const scalar& from, std::int64_t minimum, std::int64_t maximum);
converted<std::int64_t> to_duration(const scalar& from, std::int64_t minimum, std::int64_t maximum);

/// The index of the choice. YAML 1.1 reads an unquoted off as false, so that false, no and off are
/// the same word where off is a choice.
converted<std::int64_t> to_choice(const scalar& from, std::span<const std::string_view> choices);

/// A scalar for a key that is not a list.
converted<value> to_value(const key_info& key, const scalar& from);

/// One item of a list, as it will be stored. Whether a backend exists is not asked here.
converted<std::string> to_item(const key_info& key, const scalar& from);

/// What the text looks like.
scalar_guess guess(std::string_view text, bool quoted);

/// Letters, digits and '-', a letter first: what a backend or one of its options may be called.
bool is_name(std::string_view text) noexcept;

}  // namespace fd2::settings
