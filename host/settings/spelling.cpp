#include "settings/spelling.hpp"

#include <algorithm>

#include "settings/convert.hpp"

namespace fd2::settings {
namespace {

bool is_plain(std::string_view text) noexcept {
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    const auto harmless = [&](char c) {
        return letter(c) || (c >= '0' && c <= '9') || c == '/' || c == '.' || c == '_' || c == '-';
    };
    if (text.empty() || !(letter(text.front()) || text.front() == '/')) return false;
    return std::all_of(text.begin(), text.end(), harmless);
}

}  // namespace

std::string yaml_text(std::string_view text) {
    // null is the one word of YAML that no other check knows.
    const bool word = is_plain(text) && guess(text, false) == scalar_guess::text &&
                      text != "null" && text != "Null" && text != "NULL";
    if (word) return std::string(text);
    constexpr char digits[] = "0123456789abcdef";
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20 || byte == 0x7F) {
            out += "\\x";
            out += digits[byte >> 4];
            out += digits[byte & 15];
        } else {
            out += c;
        }
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
    std::string out = "[";
    for (const std::string& item : items_of(v)) {
        if (out.size() > 1) out += ", ";
        out += yaml_text(item);
    }
    return out + "]";
}

std::string yaml_of(const raw_option& option) {
    return option.guess == scalar_guess::text ? yaml_text(option.text) : option.text;
}

}  // namespace fd2::settings
