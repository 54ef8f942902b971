// Text of strangers, made safe to show.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace fd2 {

struct utf8_step {
    std::size_t size;  ///< bytes of the character, or of the maximal invalid sequence
    bool valid;
    char32_t code;
};

/// The character at the start of `text`, which is not empty (Unicode 15, table 3-7).
utf8_step decode_utf8(std::string_view text) noexcept;

/// C0, DEL and C1.
constexpr bool is_control(char32_t code) noexcept {
    return code < 0x20 || (code >= 0x7F && code < 0xA0);
}

/// For people: control characters and bytes that are not UTF-8 as \n, \t, \r or \xNN, so that
/// nothing in a message can move a cursor or forge a second line.
void append_plain(std::string& out, std::string_view text);

}  // namespace fd2
