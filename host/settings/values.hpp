// Words to typed values, by one set of rules for files, variables, options and the options of
// plugins; and values back into YAML, so that what is shown can be read again.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "settings/keys.hpp"
#include "settings/origin.hpp"
#include "settings/quantity.hpp"

namespace fd2::settings {

/// A scalar as it was written. Only files know quotes; a variable or an option has no types, so
/// that 1 and 0 are booleans there too.
struct scalar {
    std::string text;
    bool quoted = false;
    origin at;
};

converted<bool> to_bool(const scalar& written);
converted<std::int64_t> to_integer(const scalar& written, std::int64_t minimum,
                                   std::int64_t maximum);
converted<std::int64_t> to_size(const scalar& written, std::int64_t minimum, std::int64_t maximum);
converted<std::int64_t> to_duration(const scalar& written, std::int64_t minimum,
                                    std::int64_t maximum);

/// The index of the choice. YAML 1.1 reads an unquoted off as false, so that false, no and off are
/// the same word where off is a choice.
converted<std::int64_t> to_choice(const scalar& written, std::span<const std::string_view> choices);

/// A scalar for a key that is not a list.
converted<value> to_value(const key_info& key, const scalar& written);

/// One item of a list, as it will be stored. Whether a backend exists is not asked here.
converted<std::string> to_item(const key_info& key, const scalar& written);

/// What the text looks like.
scalar_guess guess(std::string_view text, bool quoted);

/// Letters, digits and '-', a letter first: what a backend or one of its options may be called.
bool is_name(std::string_view text) noexcept;

/// `v` as it stands behind `key: ` in a file: `64KiB`, `[socketpair, pipe]`, `"remote: "`.
std::string yaml_of(const key_info& key, const value& v);

/// The same for an option of a backend.
std::string yaml_of(const raw_option& option);

/// `text` plain if every YAML reader takes that for the same text, otherwise in double quotes.
std::string yaml_text(std::string_view text);

}  // namespace fd2::settings
