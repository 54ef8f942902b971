// JSON for people and programs, as `fd2 config`, `fd2 plugins` and `fd2 doctor` print it.
#pragma once

#include <nlohmann/json.hpp>
#include <ostream>
#include <string>

#include "base/plain_text.hpp"

namespace fd2::cli {

/// Indented, with a newline at the end. What is not UTF-8 (a path need not be) is replaced, and
/// control characters are escaped.
inline void print_json(const nlohmann::ordered_json& what, std::ostream& out) {
    std::string text = what.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
    escape_controls(text);
    out << text << '\n';
}

/// null where there is no text.
inline nlohmann::ordered_json text_or_null(const std::string& text) {
    return text.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(text);
}

}  // namespace fd2::cli
