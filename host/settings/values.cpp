#include "settings/values.hpp"

#include <algorithm>
#include <charconv>

#include "base/files.hpp"
#include "base/plain_text.hpp"
#include "base/text_list.hpp"
#include "settings/nearest.hpp"
#include "settings/places.hpp"

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

bool untyped(const scalar& written) noexcept {
    return written.at.layer >= source::environment;
}

converted<std::int64_t> in_range(std::int64_t number, const scalar& written, std::int64_t minimum,
                                 std::int64_t maximum, std::string (*format)(std::int64_t)) {
    if (number >= minimum && number <= maximum) return {number};
    return {
        {},
        {written.text + " is out of range", "write " + format(minimum) + " to " + format(maximum)}};
}

std::string plain_number(std::int64_t number) {
    return std::to_string(number);
}

converted<std::int64_t> measured(converted<std::int64_t> read, const scalar& written,
                                 std::int64_t minimum, std::int64_t maximum,
                                 std::string (*format)(std::int64_t)) {
    if (!read.value) return read;
    return in_range(*read.value, written, minimum, maximum, format);
}

/// `advice`: what to write instead of nothing.
converted<std::string> to_path(const scalar& written, std::string advice) {
    if (written.text.empty()) return {{}, {"is empty", std::move(advice)}};
    if (written.text.front() == '~') {
        return {
            {},
            {display(written.text) + " is not absolute", "write the full path: ~ is not expanded"}};
    }
    if (!is_absolute(written.text)) {
        return {{},
                {display(written.text) + " is not an absolute path",
                 "start it with " + std::string(absolute_begins)}};
    }
    if (written.text.find('\n') != std::string::npos) {
        return {{}, {"the path contains a line break", "write it on one line"}};
    }
    return {written.text};
}

converted<std::string> to_backend(const scalar& written) {
    if (written.text == "inherit") {
        return {{}, {"inherit is not a backend", "leave it out: fallback.inherit decides"}};
    }
    if (written.text.find('/') == std::string::npos && !is_absolute(written.text)) {
        if (is_name(written.text)) return {written.text};
        return {{},
                {display(written.text) + " is not a valid backend name",
                 "write a name such as socketpair"}};
    }
    if (!is_absolute(written.text) || written.text.back() == '/') {
        return {{},
                {display(written.text) + " is neither a name nor an absolute path",
                 "write the backend's name, or the plugin's whole path"}};
    }
    return to_path(written, "write a name such as socketpair");
}

/// The first `%` in `text` that none of `known` begins with, and what follows it; empty: there is
/// none, or no placeholder is known here.
std::string_view unknown_placeholder(std::string_view text,
                                     std::span<const std::string_view> known) noexcept {
    if (known.empty()) return {};
    for (std::size_t at = text.find('%'); at < text.size(); at = text.find('%', at + 2)) {
        const std::string_view one = text.substr(at, 2);
        if (std::find(known.begin(), known.end(), one) == known.end()) {
            return one.size() < 2 ? one
                                  : text.substr(at, 1 + decode_utf8(text.substr(at + 1)).size);
        }
    }
    return {};
}

bool is_plain(std::string_view text) noexcept {
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    const auto harmless = [&](char c) {
        return letter(c) || (c >= '0' && c <= '9') || c == '/' || c == '.' || c == '_' || c == '-';
    };
    if (text.empty() || !(letter(text.front()) || text.front() == '/')) return false;
    return std::all_of(text.begin(), text.end(), harmless);
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

converted<bool> to_bool(const scalar& written) {
    if (untyped(written) && (written.text == "1" || written.text == "0"))
        return {written.text == "1"};
    const auto word = bool_word(written.text);
    if (!word) return {{}, {display(written.text) + " is not a boolean", "write true or false"}};
    if (written.quoted) {
        return {{},
                {display(written.text) + " in quotes is text, not a boolean",
                 std::string("write ") + (*word ? "true" : "false") + " without quotes"}};
    }
    return {*word};
}

converted<std::int64_t> to_integer(const scalar& written, std::int64_t minimum,
                                   std::int64_t maximum) {
    const std::string advice = "write a whole number, " + plain_number(minimum) + " to " +
                               plain_number(maximum) + ", in decimal";
    std::int64_t number = 0;
    const char* const end = written.text.data() + written.text.size();
    const auto [stop, failed] = std::from_chars(written.text.data(), end, number);
    const bool all = stop == end && !written.text.empty();
    if (failed == std::errc::result_out_of_range && all) {
        return {{}, {display(written.text) + " is out of range", advice}};
    }
    if (failed != std::errc{} || !all) {
        return {{}, {display(written.text) + " is not a whole number", advice}};
    }
    // 010 is eight to YAML 1.1 and ten to YAML 1.2; fd2 does not choose for the writer.
    if (std::to_string(number) != written.text) {
        return {{},
                {display(written.text) + " has leading zeros", "write " + std::to_string(number)}};
    }
    if (written.quoted) {
        return {{},
                {display(written.text) + " in quotes is text, not a number",
                 "write " + written.text + " without quotes"}};
    }
    return in_range(number, written, minimum, maximum, plain_number);
}

converted<std::int64_t> to_size(const scalar& written, std::int64_t minimum, std::int64_t maximum) {
    return measured(parse_size(written.text), written, minimum, maximum, format_size);
}

converted<std::int64_t> to_duration(const scalar& written, std::int64_t minimum,
                                    std::int64_t maximum) {
    return measured(parse_duration(written.text), written, minimum, maximum, format_duration);
}

converted<std::int64_t> to_choice(const scalar& written,
                                  std::span<const std::string_view> choices) {
    const auto at = [&](std::string_view word) -> std::optional<std::int64_t> {
        const auto found = std::find(choices.begin(), choices.end(), word);
        if (found == choices.end()) return std::nullopt;
        return found - choices.begin();
    };
    if (const auto index = at(written.text)) return {*index};
    if (!written.quoted && spells_any(written.text, no_words)) {
        if (const auto index = at("off")) return {*index};
    }
    if (const auto meant = nearest(written.text, choices)) {
        return {{},
                {display(written.text) + " is none of " + join(choices, ", "),
                 "did you mean \"" + std::string(*meant) + "\"?"}};
    }
    return {
        {},
        {display(written.text) + " is not a valid choice", "write one of " + join(choices, ", ")}};
}

converted<value> to_value(const key_info& key, const scalar& written) {
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
            return wrapped(to_bool(written));
        case key_type::integer:
            return wrapped(to_integer(written, key.minimum, key.maximum));
        case key_type::size:
            return wrapped(to_size(written, key.minimum, key.maximum));
        case key_type::duration:
            return wrapped(to_duration(written, key.minimum, key.maximum));
        case key_type::choice:
            return wrapped(to_choice(written, key.choices));
        case key_type::file:
            if (written.text == "off" || (!written.quoted && spells_any(written.text, no_words))) {
                return wrapped(converted<std::string>{std::string()});
            }
            if (const auto wrong = unknown_placeholder(written.text, key.choices); !wrong.empty()) {
                return {{},
                        {display(wrong) + " is not a placeholder",
                         "write one of " + join(key.choices, ", ")}};
            }
            return wrapped(to_path(written, how_to_write(key)));
        case key_type::text:
            if (written.text.find_first_of("\r\n") != std::string::npos) {
                return {{}, {"contains a line break", "write it on one line"}};
            }
            if (static_cast<std::int64_t>(written.text.size()) > key.maximum) {
                return {{}, {"is too long", "at most " + format_size(key.maximum)}};
            }
            if (!untyped(written) && !written.quoted && !reads_as_text(written.text)) {
                return {{},
                        {display(written.text) + " would be read as something other than text",
                         "put it in quotes"}};
            }
            return wrapped(converted<std::string>{written.text});
        case key_type::backends:
        case key_type::capabilities:
        case key_type::directories:
            break;
    }
    return {{}, {"a single value where a list is expected", how_to_write(key)}};
}

converted<std::string> to_item(const key_info& key, const scalar& written) {
    if (key.type == key_type::directories)
        return to_path(written, "write a path such as /usr/local/lib/fd2");
    if (key.type == key_type::backends) return to_backend(written);
    const auto index = to_choice(written, key.choices);
    if (!index.value) {
        return {
            {},
            {display(written.text) + " is not a capability", suggest(written.text, key.choices)}};
    }
    return {std::string(key.choices[static_cast<std::size_t>(*index.value)])};
}

std::string yaml_text(std::string_view text) {
    // null is the one word of YAML that no other check knows.
    const bool word = is_plain(text) && guess(text, false) == scalar_guess::text &&
                      text != "null" && text != "Null" && text != "NULL";
    if (word) return std::string(text);
    constexpr char digits[] = "0123456789abcdef";
    std::string out = "\"";
    while (!text.empty()) {
        const utf8_step step = decode_utf8(text);
        if (step.code == '"' || step.code == '\\') {
            out += '\\';
            out += text.front();
        } else if (step.valid && is_control(step.code)) {
            out += "\\x";  // of a character, not of a byte
            out += digits[(step.code >> 4) & 15];
            out += digits[step.code & 15];
        } else {
            out += text.substr(0, step.size);
        }
        text.remove_prefix(step.size);
    }
    return out + '"';
}

std::string yaml_of(const key_info& key, const value& v) {
    if (key.type == key_type::text) {
        const std::string out = yaml_text(text_of(key, v));
        return out.starts_with('"') ? out : '"' + out + '"';
    }
    if (key.type == key_type::file) {
        const auto& path = std::get<std::string>(v);
        return path.empty() ? "off" : yaml_text(path);
    }
    if (!key.is_list()) return text_of(key, v);
    std::vector<std::string> items;
    for (const std::string& item : items_of(v)) items.push_back(yaml_text(item));
    return "[" + join(items, ", ") + "]";
}

std::string yaml_of(const raw_option& option) {
    return option.guess == scalar_guess::text ? yaml_text(option.text) : option.text;
}

}  // namespace fd2::settings
