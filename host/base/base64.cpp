#include "base/base64.hpp"

#include <cstdint>

namespace fd2 {

namespace {

constexpr std::string_view digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

}  // namespace

void append_base64(std::string& out, std::string_view bytes) {
    for (std::size_t at = 0; at < bytes.size(); at += 3) {
        const std::size_t left = bytes.size() - at;
        std::uint32_t three = 0;
        for (std::size_t i = 0; i < 3; ++i) {
            three = three << 8U | (i < left ? static_cast<unsigned char>(bytes[at + i]) : 0U);
        }
        out += digits[three >> 18U];
        out += digits[three >> 12U & 0x3FU];
        out += left > 1 ? digits[three >> 6U & 0x3FU] : '=';
        out += left > 2 ? digits[three & 0x3FU] : '=';
    }
}

std::optional<std::string> decode_base64(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    std::string out;
    for (std::size_t at = 0; at < text.size(); at += 4) {
        const bool last = at + 4 == text.size();
        std::uint32_t three = 0;
        std::size_t padding = 0;
        for (std::size_t i = 0; i < 4; ++i) {
            const std::size_t value = digits.find(text[at + i]);
            const bool pads = text[at + i] == '=' && last && i >= 2;
            if (value == digits.npos ? !pads : padding != 0) return std::nullopt;
            padding += pads ? 1 : 0;
            three = three << 6U | (pads ? 0U : static_cast<std::uint32_t>(value));
        }
        for (std::size_t i = 0; i < 3 - padding; ++i) {
            out += static_cast<char>(three >> (16U - 8U * i) & 0xFFU);
        }
    }
    return out;
}

}  // namespace fd2
