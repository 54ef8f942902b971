// UTF-8, decoded in one place: for display, for files that must be UTF-8, for mode `lossy`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace fd2 {

/// U+FFFD, which stands for what is not UTF-8.
inline constexpr std::string_view replacement_character = "\xEF\xBF\xBD";

struct utf8_step {
    std::size_t size;  ///< bytes of the character, or of the maximal invalid sequence
    bool valid;
    char32_t code;
    bool unfinished = false;  ///< not valid only because the text ends there
};

/// The character at the start of `text`, which is not empty (Unicode 15, table 3-7).
constexpr utf8_step decode_utf8(std::string_view text) noexcept {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char lead = byte(0);
    if (lead < 0x80) return {1, true, lead};
    std::size_t size = 0;
    unsigned char low = 0x80, high = 0xBF;  // what the second byte may be
    char32_t code = 0;
    if (lead >= 0xC2 && lead <= 0xDF) {
        size = 2;
        code = lead & 0x1FU;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
        size = 3;
        code = lead & 0x0FU;
        if (lead == 0xE0) low = 0xA0;   // overlong
        if (lead == 0xED) high = 0x9F;  // surrogates
    } else if (lead >= 0xF0 && lead <= 0xF4) {
        size = 4;
        code = lead & 0x07U;
        if (lead == 0xF0) low = 0x90;   // overlong
        if (lead == 0xF4) high = 0x8F;  // beyond U+10FFFF
    } else {
        return {1, false, 0};
    }
    for (std::size_t i = 1; i < size; ++i) {
        if (i == text.size()) return {i, false, 0, true};
        if (byte(i) < low || byte(i) > high) return {i, false, 0};
        code = (code << 6U) | (byte(i) & 0x3FU);
        low = 0x80;
        high = 0xBF;
    }
    return {size, true, code};
}

/// The size of the longest start of `text` that consists of whole, valid characters.
inline std::size_t valid_utf8_size(std::string_view text) noexcept {
    std::size_t at = 0;
    while (at < text.size()) {
        // Eight ASCII bytes at a time: nearly all of what a shell's stderr carries.
        std::uint64_t eight = 0;
        while (text.size() - at >= sizeof eight) {
            std::memcpy(&eight, text.data() + at, sizeof eight);
            if ((eight & 0x8080808080808080U) != 0) break;
            at += sizeof eight;
        }
        while (at < text.size() && static_cast<unsigned char>(text[at]) < 0x80) ++at;
        while (at < text.size() && static_cast<unsigned char>(text[at]) >= 0x80) {
            const utf8_step step = decode_utf8(text.substr(at));
            if (!step.valid) return at;
            at += step.size;
        }
    }
    return at;
}

}  // namespace fd2
