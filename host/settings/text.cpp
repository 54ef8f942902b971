#include "settings/text.hpp"

#include <algorithm>
#include <cstdint>

namespace fd2::settings {
namespace {

unsigned byte_at(std::string_view text, std::size_t at) noexcept {
    return at < text.size() ? static_cast<unsigned char>(text[at]) : 0u;
}

/// The length of the well-formed UTF-8 sequence at `at` (Unicode's table 3-7), or 0.
std::size_t sequence_length(std::string_view text, std::size_t at) noexcept {
    const unsigned first = byte_at(text, at);
    if (first < 0x80) return 1;
    std::size_t length = 0;
    unsigned low = 0x80, high = 0xBF;  // of the second byte
    if (first >= 0xC2 && first <= 0xDF) {
        length = 2;
    } else if (first >= 0xE0 && first <= 0xEF) {
        length = 3;
        if (first == 0xE0) low = 0xA0;   // overlong
        if (first == 0xED) high = 0x9F;  // surrogates
    } else if (first >= 0xF0 && first <= 0xF4) {
        length = 4;
        if (first == 0xF0) low = 0x90;   // overlong
        if (first == 0xF4) high = 0x8F;  // beyond U+10FFFF
    } else {
        return 0;
    }
    if (byte_at(text, at + 1) < low || byte_at(text, at + 1) > high) return 0;
    for (std::size_t i = 2; i < length; ++i) {
        if ((byte_at(text, at + i) & 0xC0) != 0x80) return 0;
    }
    return length;
}

std::string hexadecimal(unsigned byte) {
    constexpr char digits[] = "0123456789abcdef";
    return {'0', 'x', digits[byte >> 4], digits[byte & 15]};
}

bool other_encoding(const text_map& source, report& out) {
    const auto text = source.text();
    if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
        out.error(source.at(0), "", "the file is UTF-16 or UTF-32", "save it as UTF-8");
        return true;
    }
    return false;
}

bool bad_characters(const text_map& source, report& out) {
    const auto text = source.text();
    for (std::size_t i = 0; i < text.size();) {
        const unsigned c = byte_at(text, i);
        const std::size_t length = sequence_length(text, i);
        if (length == 0) {
            out.error(source.at(i), "", "the byte " + hexadecimal(c) + " is not valid UTF-8",
                      "save the file as UTF-8");
            return true;
        }
        const bool line_end = c == '\n' || (c == '\r' && byte_at(text, i + 1) == '\n');
        if ((c < 0x20 && c != '\t' && !line_end) || c == 0x7F) {
            out.error(source.at(i), "",
                      c == 0      ? "a NUL byte"
                      : c == '\r' ? "a carriage return that does not end a line"
                                  : "the control character " + hexadecimal(c),
                      "delete it");
            return true;
        }
        i += length;
    }
    return false;
}

bool bad_lines(const text_map& source, report& out) {
    bool bad = false;
    auto text = source.text();
    for (std::size_t start = 0; start < text.size();) {
        const std::size_t end = std::min(text.find('\n', start), text.size());
        const auto line = text.substr(start, end - start);
        const std::size_t content = std::min(line.find_first_not_of(" \t\r"), line.size());
        const std::size_t tab = line.find('\t');
        if (tab < content && content < line.size() && line[content] != '#') {
            out.error(source.at(start + tab), "", "a tab in the indentation", "indent with spaces");
            bad = true;
        }
        if (line.starts_with('%') && !line.starts_with("%YAML 1.")) {
            out.error(source.at(start), "", "a directive", "delete the line");
            bad = true;
        }
        start = end + 1;
    }
    return bad;
}

}  // namespace

text_map::text_map(std::string_view text, std::string_view file) : text_(text), file_(file) {
    starts_.push_back(0);
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\n') starts_.push_back(i + 1);
    }
}

std::size_t text_map::characters_before(std::size_t start, std::size_t offset) const {
    if (counted_start_ != start || counted_to_ > offset) {
        counted_start_ = counted_to_ = start;
        counted_ = 0;
    }
    for (; counted_to_ < offset; ++counted_to_) {
        if ((static_cast<unsigned char>(text_[counted_to_]) & 0xC0) != 0x80) ++counted_;
    }
    return counted_;
}

place text_map::place_of(std::size_t offset) const {
    offset = std::min(offset, text_.size());
    const auto next = std::upper_bound(starts_.begin(), starts_.end(), offset);
    return {static_cast<std::uint32_t>(next - starts_.begin()),
            static_cast<std::uint32_t>(characters_before(*(next - 1), offset) + 1)};
}

origin text_map::at(std::size_t offset) const {
    const place where = place_of(offset);
    return {source::file, std::string(file_), where.line, where.column};
}

origin text_map::whole() const {
    return {source::file, std::string(file_), 0, 0};
}

std::string_view without_mark(std::string_view text) noexcept {
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    return text;
}

bool is_clean(const text_map& source, report& out) {
    if (other_encoding(source, out)) return false;
    if (bad_characters(source, out)) return false;
    return !bad_lines(source, out);
}

}  // namespace fd2::settings
