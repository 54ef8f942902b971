#include "settings/wildcard.hpp"

#include <cstddef>
#include <string_view>

namespace fd2::settings {
namespace {

/// Bytes of the character that `text` begins with.
std::size_t width(std::string_view text) noexcept {
    std::size_t size = 1;
    while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) ++size;
    return size;
}

/// The set that follows `[`: takes it off `pattern`. -1: it has no end, so `[` means itself.
int matches_set(std::string_view& pattern, std::string_view one) noexcept {
    std::string_view rest = pattern;
    const bool negated = !rest.empty() && (rest.front() == '!' || rest.front() == '^');
    if (negated) rest.remove_prefix(1);
    const auto take = [&rest] {
        if (rest.front() == '\\' && rest.size() > 1) rest.remove_prefix(1);
        const std::string_view out = rest.substr(0, width(rest));
        rest.remove_prefix(out.size());
        return out;
    };
    bool found = false;
    for (bool first = true; !rest.empty(); first = false) {
        if (rest.front() == ']' && !first) {
            pattern = rest.substr(1);
            return found != negated;
        }
        const std::string_view low = take();
        std::string_view high = low;
        if (rest.size() > 1 && rest[0] == '-' && rest[1] != ']') {
            rest.remove_prefix(1);
            high = take();
        }
        // UTF-8 is ordered as its characters are.
        found = found || (low <= one && one <= high);
    }
    return -1;
}

}  // namespace

bool matches_wildcard(const std::string& whole_pattern, const std::string& whole_text) {
    std::string_view pattern = whole_pattern, text = whole_text;
    // Where to go on if what follows the last `*` does not fit: that star takes one more.
    std::string_view after_star, star_text;
    bool star = false;
    for (;;) {
        bool fits = false;
        if (!pattern.empty() && pattern.front() == '*') {
            pattern.remove_prefix(1);
            after_star = pattern;
            star_text = text;
            star = true;
            continue;
        }
        if (pattern.empty()) {
            if (text.empty()) return true;
        } else if (!text.empty()) {
            const std::string_view one = text.substr(0, width(text));
            std::string_view rest = pattern.substr(1);
            int in_set = -1;
            if (pattern.front() == '[') in_set = matches_set(rest, one);
            if (in_set >= 0) {
                fits = in_set == 1;
            } else if (pattern.front() == '?') {
                fits = true;
            } else {
                std::string_view literal = pattern;
                if (literal.front() == '\\' && literal.size() > 1) literal.remove_prefix(1);
                fits = literal.starts_with(one);
                rest = literal.substr(fits ? one.size() : 0);
            }
            if (fits) {
                pattern = rest;
                text.remove_prefix(one.size());
            }
        }
        if (fits) continue;
        if (!star || star_text.empty()) return false;
        star_text.remove_prefix(width(star_text));
        pattern = after_star;
        text = star_text;
    }
}

}  // namespace fd2::settings
