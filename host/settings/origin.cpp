#include "settings/origin.hpp"

#include <utility>

namespace fd2::settings {
namespace {

/// Long enough for every sensible value, short enough for one line of a terminal.
constexpr std::size_t shown_bytes = 40;

bool continues_character(char c) noexcept {
    return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

/// C0, DEL and (as UTF-8) C1: what could move a cursor or end a line. `next` follows `c`.
bool is_control(char c, char next) noexcept {
    const auto byte = static_cast<unsigned char>(c);
    const auto second = static_cast<unsigned char>(next);
    return byte < 0x20 || byte == 0x7F || (byte == 0xC2 && second >= 0x80 && second < 0xA0);
}

void append_escaped(std::string& out, std::string_view text) {
    constexpr char digits[] = "0123456789abcdef";
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const bool c1 = i > 0 && static_cast<unsigned char>(text[i - 1]) == 0xC2 &&
                        static_cast<unsigned char>(c) < 0xA0 && continues_character(c);
        if (c == '\n') {
            out += "\\n";
        } else if (c == '\t') {
            out += "\\t";
        } else if (c1 || is_control(c, i + 1 < text.size() ? text[i + 1] : '\0')) {
            out += "\\x";
            out += digits[static_cast<unsigned char>(c) >> 4];
            out += digits[static_cast<unsigned char>(c) & 15];
        } else {
            out += c;
        }
    }
}

}  // namespace

std::string origin::text() const {
    if (from == source::built_in) return "built-in";
    std::string out = name;
    if (line != 0) out += ':' + std::to_string(line) + ':' + std::to_string(column);
    return out;
}

std::string display(std::string_view text) {
    std::string_view shown = text.substr(0, shown_bytes);
    if (shown.size() < text.size()) {
        std::size_t end = shown.size();
        while (end > 0 && continues_character(text[end])) --end;
        shown = text.substr(0, end);
    }
    std::string out = "\"";
    append_escaped(out, shown);
    if (shown.size() < text.size()) out += "...";
    out += '"';
    return out;
}

std::string diagnostic::text() const {
    std::string out;
    append_escaped(out, at.text());
    out += level == severity::error ? ": error: " : ": warning: ";
    if (!key.empty()) {
        append_escaped(out, key);
        out += ": ";
    }
    append_escaped(out, message);
    if (!way_out.empty()) {
        out += "; ";
        append_escaped(out, way_out);
    }
    return out;
}

void report::add(diagnostic what) {
    if (what.level == severity::error) ++errors_;
    if (found_.size() < limit) {
        found_.push_back(std::move(what));
    } else if (found_.size() == limit) {
        const auto level = what.level;
        origin whole = std::move(what.at);
        whole.line = whole.column = 0;
        found_.push_back({level, std::move(whole), "", "too many mistakes, the rest is not shown",
                          "mend these first"});
    } else if (what.level == severity::error) {
        // Warnings may have used up the room: an error is never lost altogether.
        found_.back().level = severity::error;
    }
}

void report::error(origin at, std::string key, std::string message, std::string way_out) {
    add({severity::error, std::move(at), std::move(key), std::move(message), std::move(way_out)});
}

void report::warning(origin at, std::string key, std::string message, std::string way_out) {
    add({severity::warning, std::move(at), std::move(key), std::move(message), std::move(way_out)});
}

failure as_failure(const std::vector<diagnostic>& found) {
    std::string text;
    for (const diagnostic& one : found) {
        if (one.level != severity::error) continue;
        if (!text.empty()) text += '\n';
        text += one.text();
    }
    return {errc::config, 0, std::move(text)};
}

}  // namespace fd2::settings
