// Escapes untrusted text for display.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/utf8.hpp"

namespace fd2 {

/// C0, DEL and C1.
constexpr bool is_control(char32_t code) noexcept {
    return code < 0x20 || (code >= 0x7F && code < 0xA0);
}

/// What is inside the quotes of a JSON string, piece by piece to `out(std::string_view)`. Control
/// characters (C0, DEL, C1) are escaped, so that JSON can be shown on a terminal; each maximal
/// invalid sequence becomes U+FFFD. Returns whether `text` was valid UTF-8. Allocates nothing.
template <class Out>
bool escape_json(std::string_view text, Out&& out) {
    bool valid = true;
    while (!text.empty()) {
        std::size_t plain = 0;
        while (plain < text.size() && text[plain] >= 0x20 && text[plain] < 0x7F &&
               text[plain] != '"' && text[plain] != '\\') {
            ++plain;
        }
        if (plain != 0) out(text.substr(0, plain));
        text.remove_prefix(plain);
        if (text.empty()) break;
        const utf8_step step = decode_utf8(text);
        valid = valid && step.valid;
        if (!step.valid) {
            out(replacement_character);
        } else if (step.code == '"') {
            out(std::string_view("\\\""));
        } else if (step.code == '\\') {
            out(std::string_view("\\\\"));
        } else if (step.code == '\n') {
            out(std::string_view("\\n"));
        } else if (step.code == '\r') {
            out(std::string_view("\\r"));
        } else if (step.code == '\t') {
            out(std::string_view("\\t"));
        } else if (is_control(step.code)) {
            constexpr std::string_view digits = "0123456789abcdef";
            const char escaped[] = {
                '\\', 'u', '0', '0', digits[(step.code >> 4U) & 0xFU], digits[step.code & 0xFU]};
            out(std::string_view(escaped, sizeof escaped));
        } else {
            out(text.substr(0, step.size));
        }
        text.remove_prefix(step.size);
    }
    return valid;
}

/// `text` in JSON quotes. Returns whether it was valid UTF-8.
bool append_json_string(std::string& out, std::string_view text);

/// For people: control characters and bytes that are not UTF-8 as \n, \t, \r or \xNN, so that
/// nothing in a message can move a cursor or forge a second line.
void append_plain(std::string& out, std::string_view text);
std::string plain(std::string_view text);

/// One line of printable text: control characters become blanks, bytes beyond ASCII stay.
std::string blank_controls(std::string_view text);

/// JSON as a library has written it: the control characters that JSON allows and a terminal obeys
/// (DEL and C1) are escaped in place.
void escape_controls(std::string& json);

}  // namespace fd2
