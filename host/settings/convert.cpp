#include "settings/convert.hpp"

#include <algorithm>
#include <charconv>

#include "settings/nearest.hpp"
#include "settings/quantity.hpp"

namespace fd2::settings {
namespace {

/// The spellings that YAML 1.1 knows: all lower, all upper, or a capital first.
bool spells(std::string_view text, std::string_view lower_word) noexcept {
    if (text.size() != lower_word.size()) return false;
    const auto upper = [](char c) { return static_cast<char>(c - 'a' + 'A'); };
    if (text == lower_word) return true;
    if (text[0] != upper(lower_word[0])) return false;
    if (text.substr(1) == lower_word.substr(1)) return true;
    return std::equal(text.begin(), text.end(), lower_word.begin(),
                      [&](char a, char b) { return a == upper(b); });
}

bool spells_any(std::string_view text, std::span<const std::string_view> words) noexcept {
    return std::any_of(words.begin(), words.end(),
                       [&](std::string_view word) { return spells(text, word); });
}

constexpr std::string_view yes_words[] = {"true", "yes", "on"};
constexpr std::string_view no_words[] = {"false", "no", "off"};

std::optional<bool> bool_word(std::string_view text) noexcept {
    if (spells_any(text, yes_words)) return true;
    if (spells_any(text, no_words)) return false;
    return std::nullopt;
}

/// Whether every YAML reader takes a plain scalar for text, and not for a number, a date or one of
/// the two signs that YAML 1.1 gives a meaning.
bool reads_as_text(std::string_view text) noexcept {
    constexpr std::string_view first_of_numbers = "+-.0123456789";
    return !text.empty() && first_of_numbers.find(text.front()) == std::string_view::npos &&
           !bool_word(text) && text != "=" && text != "<<";
}

bool untyped(const scalar& from) noexcept {
    return from.at.from >= source::environment;
}

converted<std::int64_t> in_range(std::int64_t number, const scalar& from, std::int64_t minimum,
                                 std::int64_t maximum, std::string (*format)(std::int64_t)) {
    if (number >= minimum && number <= maximum) return {number};
    return {
        {},
        {from.text + " is out of range", "write " + format(minimum) + " to " + format(maximum)}};
}

std::string plain_number(std::int64_t number) {
    return std::to_string(number);
}

converted<std::int64_t> measured(const quantity& read, const scalar& from, std::int64_t minimum,
                                 std::int64_t maximum, std::string (*format)(std::int64_t)) {
    if (!read.value) return {{}, {read.wrong, read.way_out}};
    return in_range(*read.value, from, minimum, maximum, format);
}

converted<std::string> to_path(const scalar& from, std::string_view example) {
    if (from.text.empty()) return {{}, {"is empty", "write " + std::string(example)}};
    if (from.text.front() == '~') {
        return {{},
                {display(from.text) + " is not absolute",
                 "write the path out, from / on: ~ is "
                 "not expanded"}};
    }
    if (from.text.front() != '/') {
        return {{}, {display(from.text) + " is not an absolute path", "begin it with /"}};
    }
    if (from.text.find('\n') != std::string::npos) {
        return {{}, {"a path with a line break", "write it on one line"}};
    }
    return {from.text};
}

converted<std::string> to_backend(const scalar& from) {
    if (from.text == "inherit") {
        return {{}, {"inherit is not a backend", "leave it out: fallback.inherit decides"}};
    }
    if (from.text.find('/') == std::string::npos) {
        if (is_name(from.text)) return {from.text};
        return {{},
                {display(from.text) + " is not the name of a backend",
                 "write a name such as socketpair"}};
    }
    if (from.text.front() != '/' || from.text.back() == '/') {
        return {{},
                {display(from.text) + " is neither a name nor an absolute path",
                 "write the backend's name, or the plugin's whole path"}};
    }
    return to_path(from, "a name");
}

}  // namespace

bool is_name(std::string_view text) noexcept {
    const auto letter = [](char c) { return c >= 'a' && c <= 'z'; };
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    return !text.empty() && text.size() <= 64 && letter(text.front()) &&
           std::all_of(text.begin(), text.end(),
                       [&](char c) { return letter(c) || digit(c) || c == '-'; });
}

scalar_guess guess(std::string_view text, bool is_quoted) {
    if (is_quoted) return scalar_guess::text;
    if (bool_word(text)) return scalar_guess::boolean;
    std::string_view digits = text;
    if (!digits.empty() && (digits.front() == '-' || digits.front() == '+')) {
        digits.remove_prefix(1);
    }
    if (!digits.empty() && digits.find_first_not_of("0123456789") == std::string_view::npos) {
        return scalar_guess::integer;
    }
    if (parse_size(text).value) return scalar_guess::size;
    if (parse_duration(text).value) return scalar_guess::duration;
    return scalar_guess::text;
}

converted<bool> to_bool(const scalar& from) {
    if (untyped(from) && (from.text == "1" || from.text == "0")) return {from.text == "1"};
    const auto word = bool_word(from.text);
    if (!word) return {{}, {display(from.text) + " is not a boolean", "write true or false"}};
    if (from.quoted) {
        return {{},
                {display(from.text) + " in quotes is text, not a boolean",
                 std::string("write ") + (*word ? "true" : "false") + " without quotes"}};
    }
    return {*word};
}

converted<std::int64_t> to_integer(const scalar& from, std::int64_t minimum, std::int64_t maximum) {
    const std::string way_out = "write a whole number, " + plain_number(minimum) + " to " +
                                plain_number(maximum) + ", in decimal";
    std::int64_t number = 0;
    const char* const end = from.text.data() + from.text.size();
    const auto [stop, failed] = std::from_chars(from.text.data(), end, number);
    const bool all = stop == end && !from.text.empty();
    if (failed == std::errc::result_out_of_range && all) {
        return {{}, {display(from.text) + " is out of range", way_out}};
    }
    if (failed != std::errc{} || !all) {
        return {{}, {display(from.text) + " is not a whole number", way_out}};
    }
    // 010 is eight to YAML 1.1 and ten to YAML 1.2; fd2 does not choose for the writer.
    if (std::to_string(number) != from.text) {
        return {{},
                {display(from.text) + " has needless digits", "write " + std::to_string(number)}};
    }
    if (from.quoted) {
        return {{},
                {display(from.text) + " in quotes is text, not a number",
                 "write " + from.text + " without quotes"}};
    }
    return in_range(number, from, minimum, maximum, plain_number);
}

converted<std::int64_t> to_size(const scalar& from, std::int64_t minimum, std::int64_t maximum) {
    return measured(parse_size(from.text), from, minimum, maximum, format_size);
}

converted<std::int64_t> to_duration(const scalar& from, std::int64_t minimum,
                                    std::int64_t maximum) {
    return measured(parse_duration(from.text), from, minimum, maximum, format_duration);
}

converted<std::int64_t> to_choice(const scalar& from, std::span<const std::string_view> choices) {
    const auto at = [&](std::string_view word) -> std::optional<std::int64_t> {
        const auto found = std::find(choices.begin(), choices.end(), word);
        if (found == choices.end()) return std::nullopt;
        return found - choices.begin();
    };
    if (const auto index = at(from.text)) return {*index};
    if (!from.quoted && spells_any(from.text, no_words)) {
        if (const auto index = at("off")) return {*index};
    }
    if (const auto meant = nearest(from.text, choices)) {
        return {{},
                {display(from.text) + " is none of " + join(choices),
                 "did you mean \"" + std::string(*meant) + "\"?"}};
    }
    return {{}, {display(from.text) + " is not a valid choice", "write one of " + join(choices)}};
}

converted<value> to_value(const key_info& key, const scalar& from) {
    const auto wrapped = [](auto&& one) -> converted<value> {
        // Built in place: gcc 12 sees uninitialised memory in a moved variant under sanitizers.
        converted<value> out;
        if (one.value) {
            out.value.emplace(std::move(*one.value));
        } else {
            out.wrong = std::move(one.wrong);
        }
        return out;
    };
    switch (key.type) {
        case key_type::boolean:
            return wrapped(to_bool(from));
        case key_type::integer:
            return wrapped(to_integer(from, key.minimum, key.maximum));
        case key_type::size:
            return wrapped(to_size(from, key.minimum, key.maximum));
        case key_type::duration:
            return wrapped(to_duration(from, key.minimum, key.maximum));
        case key_type::choice:
            return wrapped(to_choice(from, key.choices));
        case key_type::file:
            if (from.text == "off" || (!from.quoted && spells_any(from.text, no_words))) {
                return wrapped(converted<std::string>{std::string()});
            }
            return wrapped(to_path(from, example_of(key)));
        case key_type::text:
            if (from.text.find_first_of("\r\n") != std::string::npos) {
                return {{}, {"a line break in the text", "write it on one line"}};
            }
            if (static_cast<std::int64_t>(from.text.size()) > key.maximum) {
                return {{}, {"is too long", "at most " + format_size(key.maximum)}};
            }
            if (!untyped(from) && !from.quoted && !reads_as_text(from.text)) {
                return {{},
                        {display(from.text) + " reads as something else than text",
                         "put it in quotes"}};
            }
            return wrapped(converted<std::string>{from.text});
        case key_type::backends:
        case key_type::capabilities:
        case key_type::directories:
            break;
    }
    return {{}, {"a single value, where a list belongs", "write " + example_of(key)}};
}

converted<std::string> to_item(const key_info& key, const scalar& from) {
    if (key.type == key_type::directories) return to_path(from, "/usr/local/lib/fd2");
    if (key.type == key_type::backends) return to_backend(from);
    const auto index = to_choice(from, key.choices);
    if (!index.value) {
        return {{}, {display(from.text) + " is not a capability", suggest(from.text, key.choices)}};
    }
    return {std::string(key.choices[static_cast<std::size_t>(*index.value)])};
}

}  // namespace fd2::settings
