#include "settings/origin.hpp"

#include <utility>

#include "base/plain_text.hpp"

namespace fd2::settings {
namespace {

/// Long enough for every sensible value, short enough for one line of a terminal.
constexpr std::size_t shown_bytes = 40;

bool continues_character(char c) noexcept {
    return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

}  // namespace

std::string origin::text() const {
    if (layer == source::built_in) return "built-in";
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
    append_plain(out, shown);
    if (shown.size() < text.size()) out += "...";
    out += '"';
    return out;
}

namespace {

std::string text_of(const diagnostic& what, std::string_view level) {
    const auto& [_, at, key, message, advice, notable] = what;
    std::string out;
    append_plain(out, at.text());
    out += level;
    if (!key.empty()) {
        append_plain(out, key);
        out += ": ";
    }
    append_plain(out, message);
    if (!advice.empty()) {
        out += "; ";
        append_plain(out, advice);
    }
    return out;
}

}  // namespace

std::string diagnostic::text() const {
    return text_of(*this, level == severity::error ? ": error: " : ": warning: ");
}

std::string diagnostic::text_without_level() const {
    return text_of(*this, ": ");
}

void report::add(diagnostic what) {
    if (what.level == severity::error) ++errors_;
    if (found_.size() < limit) {
        found_.push_back(std::move(what));
    } else if (found_.size() == limit) {
        const auto level = what.level;
        origin whole = std::move(what.at);
        whole.line = whole.column = 0;
        found_.push_back({level, std::move(whole), "", "too many errors; the rest is not shown",
                          "fix these first"});
    } else if (what.level == severity::error) {
        // The list may be full of warnings: that there was an error is not lost.
        found_.back().level = severity::error;
    }
}

void report::error(origin at, std::string key, std::string message, std::string advice) {
    add({severity::error, std::move(at), std::move(key), std::move(message), std::move(advice)});
}

void report::warning(origin at, std::string key, std::string message, std::string advice,
                     bool notable) {
    add({severity::warning, std::move(at), std::move(key), std::move(message), std::move(advice),
         notable});
}

failure as_failure(std::vector<diagnostic> found) {
    std::erase_if(found, [](const diagnostic& one) { return one.level != severity::error; });
    failure out;
    out.code = errc::config;
    if (found.size() == 1) out.advice = std::exchange(found.front().advice, {});
    for (const diagnostic& one : found) {
        if (!out.message.empty()) out.message += '\n';
        out.message += one.text();
    }
    return out;
}

}  // namespace fd2::settings
