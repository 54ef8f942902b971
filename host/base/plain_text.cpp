#include "base/plain_text.hpp"

namespace fd2 {

namespace {
constexpr std::string_view hex_digits = "0123456789abcdef";
}  // namespace

utf8_step decode_utf8(std::string_view text) noexcept {
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
        if (i == text.size() || byte(i) < low || byte(i) > high) return {i, false, 0};
        code = (code << 6U) | (byte(i) & 0x3FU);
        low = 0x80;
        high = 0xBF;
    }
    return {size, true, code};
}

void append_plain(std::string& out, std::string_view text) {
    const auto append_hex = [&](unsigned char byte) {
        out += "\\x";
        out += hex_digits[byte >> 4U];
        out += hex_digits[byte & 0xFU];
    };
    while (!text.empty()) {
        const utf8_step step = decode_utf8(text);
        if (step.code == '\n') {
            out += "\\n";
        } else if (step.code == '\t') {
            out += "\\t";
        } else if (step.code == '\r') {
            out += "\\r";
        } else if (!step.valid || is_control(step.code)) {
            for (const char c : text.substr(0, step.size)) {
                append_hex(static_cast<unsigned char>(c));
            }
        } else {
            out.append(text.substr(0, step.size));
        }
        text.remove_prefix(step.size);
    }
}

}  // namespace fd2
