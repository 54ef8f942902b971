#include "base/plain_text.hpp"

namespace fd2 {

namespace {
constexpr std::string_view hex_digits = "0123456789abcdef";
}  // namespace

bool append_json_string(std::string& out, std::string_view text) {
    out += '"';
    const bool valid = escape_json(text, [&](std::string_view piece) { out += piece; });
    out += '"';
    return valid;
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

std::string plain(std::string_view text) {
    std::string out;
    append_plain(out, text);
    return out;
}

std::string blank_controls(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte < 0x20 || byte == 0x7F) c = ' ';
    }
    return out;
}

void escape_controls(std::string& json) {
    std::string out;
    std::size_t done = 0;
    for (std::size_t i = 0; i < json.size(); ++i) {
        const utf8_step step = decode_utf8(std::string_view(json).substr(i));
        if (step.valid && step.code >= 0x7F && is_control(step.code)) {
            out.append(json, done, i - done);
            out += "\\u00";
            out += hex_digits[(step.code >> 4U) & 0xFU];
            out += hex_digits[step.code & 0xFU];
            done = i + step.size;
        }
        i += step.size - 1;
    }
    if (done != 0) json = out.append(json, done);
}

}  // namespace fd2
