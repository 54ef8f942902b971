#include "cause/advice.hpp"

#include <algorithm>

namespace fd2::cause {
namespace {

constexpr std::size_t longest_word = 256;

constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr std::string_view harmless =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:@%/+-";

struct placeholder {
    std::size_t size = 0;  ///< with its braces; 0: there is none here
    std::size_t hole = 0;
    std::string_view word;
};

/// `{1:` begins one; other braces are text.
bool begins(std::string_view text) noexcept {
    return text.size() > 2 && text[0] == '{' && text[1] >= '1' && text[1] <= '9' && text[2] == ':';
}

placeholder read(std::string_view text) noexcept {
    if (!begins(text)) return {};
    const std::string_view word = text.substr(3, text.find_first_not_of(letters, 3) - 3);
    if (word.empty() || !text.substr(3 + word.size()).starts_with('}')) return {};
    return {word.size() + 4, static_cast<std::size_t>(text[1] - '0'), word};
}

/// As one word of a shell, or nothing. `[host]:22` is how ssh names a host with a port.
std::string as_word(std::string_view text) {
    if (text.empty() || text.size() > longest_word || text.front() == '-') return {};
    const auto is_harmless = [](char c) { return harmless.find(c) != harmless.npos; };
    if (std::all_of(text.begin(), text.end(), is_harmless)) return std::string(text);
    const bool quotable = std::all_of(
        text.begin(), text.end(), [&](char c) { return is_harmless(c) || c == '[' || c == ']'; });
    return quotable ? "'" + std::string(text) + "'" : std::string();
}

}  // namespace

std::string advice_of(std::string_view next, std::span<const std::string_view> holes) {
    std::string out;
    while (!next.empty()) {
        const placeholder here = read(next);
        if (here.size == 0) {
            out += next.front();
            next.remove_prefix(1);
            continue;
        }
        const std::string word = here.hole <= holes.size() ? as_word(holes[here.hole - 1]) : "";
        out += word.empty() ? here.word : std::string_view(word);
        next.remove_prefix(here.size);
    }
    return out;
}

std::optional<std::size_t> holes_needed(std::string_view next) noexcept {
    std::size_t out = 0;
    for (; !next.empty(); next.remove_prefix(1)) {
        if (!begins(next)) continue;
        const placeholder here = read(next);
        if (here.size == 0) return std::nullopt;
        out = std::max(out, here.hole);
    }
    return out;
}

}  // namespace fd2::cause
