#include "cause/pattern.hpp"

#include <algorithm>
#include <string>

namespace fd2::cause {
namespace {

/// The text between the holes, without its escapes; one more than there are holes.
std::vector<std::string> literals(std::string_view pattern) {
    std::vector<std::string> out(1);
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        if (pattern[i] == '*') {
            out.emplace_back();
            continue;
        }
        if (pattern[i] == '\\' && i + 1 < pattern.size()) ++i;
        out.back() += pattern[i];
    }
    return out;
}

}  // namespace

bool matches(std::string_view pattern, std::string_view line, work& budget) noexcept {
    constexpr std::size_t none = std::string_view::npos;
    // The last `*`, and where in the line what follows it was tried last. A `*` that turned out to
    // be too short is made longer; an earlier one never needs to be, as the later one can take all
    // that it would.
    std::size_t star = none, tried = 0;
    std::size_t p = 0, at = 0;
    while (at < line.size()) {
        if (budget.left == 0) return false;
        --budget.left;
        if (p < pattern.size() && pattern[p] == '*') {
            star = p++;
            tried = at;
            continue;
        }
        const bool escaped = p + 1 < pattern.size() && pattern[p] == '\\';
        const std::size_t literal = escaped ? p + 1 : p;
        if (literal < pattern.size() && pattern[literal] == line[at]) {
            p = literal + 1;
            ++at;
            continue;
        }
        if (star == none) return false;
        p = star + 1;
        at = ++tried;
    }
    while (p < pattern.size() && pattern[p] == '*') ++p;
    return p == pattern.size();
}

std::vector<std::string_view> holes(std::string_view pattern, std::string_view line) {
    const std::vector<std::string> texts = literals(pattern);
    std::vector<std::string_view> out;
    line.remove_prefix(std::min(texts.front().size(), line.size()));
    for (std::size_t i = 1; i < texts.size(); ++i) {
        const bool last = i + 1 == texts.size();
        std::size_t end =
            last ? line.size() - std::min(texts[i].size(), line.size()) : line.find(texts[i]);
        end = std::min(end, line.size());
        out.push_back(line.substr(0, end));
        line.remove_prefix(std::min(end + texts[i].size(), line.size()));
    }
    return out;
}

std::size_t hole_count(std::string_view pattern) {
    return literals(pattern).size() - 1;
}

std::optional<pattern_mistake> mistake_in(std::string_view pattern) noexcept {
    bool says_something = false;
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        const char c = pattern[i];
        if (c == '\\') {
            const char next = i + 1 < pattern.size() ? pattern[i + 1] : '\0';
            if (next != '*' && next != '\\') {
                return pattern_mistake{i, "a backslash that is not before * or \\",
                                       "write \\\\ for a backslash"};
            }
            ++i;
            says_something = true;
        } else if (c == '*') {
            if (i > 0 && pattern[i - 1] == '*' && (i < 2 || pattern[i - 2] != '\\')) {
                return pattern_mistake{i, "two * in a row", "one means the same"};
            }
        } else if (static_cast<unsigned char>(c) < 0x20) {
            return pattern_mistake{i, "a control character", "a pattern is held against one line"};
        } else if (c != ' ') {
            says_something = true;
        }
    }
    if (says_something) return std::nullopt;
    return pattern_mistake{0, "matches every line", "write some text that only this message has"};
}

}  // namespace fd2::cause
