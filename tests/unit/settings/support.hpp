// What the tests of this room share: files, tables of cases, environments, diagnostics as text.
#pragma once

#include <fstream>
#include <iterator>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "settings/load.hpp"
#include "settings/places.hpp"
#include "support/scratch.hpp"

namespace test {

/// A file of the project's config/.
inline std::string config(const std::string& name) {
    return std::string(FD2_CONFIG_DIR) + '/' + name;
}

inline std::string read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) throw std::runtime_error("cannot read " + path);
    return {std::istreambuf_iterator<char>(in), {}};
}

/// One of broken_cases.txt or accepted_cases.txt; the first tells how they are written.
struct file_case {
    std::string name;
    std::string source;    ///< header and file, as the table has them
    std::string file;      ///< what fd2 is to load
    std::string expected;  ///< the diagnostics, one a line
};

/// `\xHH` becomes that byte; a backslash at the end of a line goes, with the line feed.
inline std::string unescape(const std::string& text) {
    std::string out;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '\\') {
            out += text[at];
        } else if (text.at(++at) == 'x') {
            out += static_cast<char>(std::stoi(text.substr(at + 1, 2), nullptr, 16));
            at += 2;
        } else if (text[at] != '\n') {
            throw std::runtime_error("an escape other than \\xHH: " + text);
        }
    }
    return out;
}

/// The advice that this platform has where a path is not absolute.
inline std::string with_own_absolute(std::string expected) {
    const std::string_view advice = "start it with /\n";
    for (std::size_t at = 0; (at = expected.find(advice, at)) != expected.npos; ++at) {
        expected.replace(at + advice.size() - 2, 1, fd2::settings::absolute_begins);
    }
    return expected;
}

inline std::vector<file_case> read_cases(const std::string& table) {
    const std::string begin = "\n=== ", separator = ">>>\n", escaped = " (escaped)";
    const std::string text = read(table);
    std::vector<file_case> out;
    std::set<std::string> names;
    for (auto at = text.find(begin), next = at; at != std::string::npos; at = next) {
        next = text.find(begin, at + 1);
        file_case one;
        one.source = text.substr(at, next - at);
        if (const auto end = one.source.find(separator); end != std::string::npos) {
            one.expected = one.source.substr(end + separator.size());
            one.source.erase(end);
            one.expected = with_own_absolute(std::move(one.expected));
        }
        const auto header_end = one.source.find('\n', 1);
        one.name = one.source.substr(begin.size(), header_end - begin.size());
        one.file = one.source.substr(header_end + 1);
        if (one.source.back() != '\n') {
            throw std::runtime_error(one.name + ": no blank line before the next case");
        }
        if (one.name.ends_with(escaped)) {
            one.name.erase(one.name.size() - escaped.size());
            one.file = unescape(one.file);
        }
        if (!names.insert(one.name).second) throw std::runtime_error(one.name + " comes twice");
        out.push_back(one);
    }
    return out;
}

/// A block as execve(2) takes it; owns its strings.
class environment {
  public:
    environment(std::vector<std::string> entries = {}) : entries_(std::move(entries)) {
        for (const std::string& one : entries_) block_.push_back(one.c_str());
        block_.push_back(nullptr);
    }
    environment(const environment&) = delete;
    environment& operator=(const environment&) = delete;
    const char* const* block() const { return block_.data(); }

  private:
    std::vector<std::string> entries_;
    std::vector<const char*> block_;
};

/// The diagnostics, one a line, with `directory/` taken off every file.
inline std::string said(const std::vector<fd2::settings::diagnostic>& found,
                        const std::string& directory = {}) {
    std::string out;
    for (fd2::settings::diagnostic one : found) {
        if (!directory.empty() && one.at.name.starts_with(directory + '/')) {
            one.at.name.erase(0, directory.size() + 1);
        }
        out += one.text() + '\n';
    }
    return out;
}

/// Loads with this environment and these options, and no other file than what they name.
inline fd2::settings::loaded load(std::vector<std::string> variables,
                                  std::vector<fd2::settings::option_value> options = {},
                                  const std::string& system_file = "/nonexistent/fd2.yaml") {
    const environment around(std::move(variables));
    fd2::settings::inputs from;
    from.environment = around.block();
    from.options = std::move(options);
    from.system_file = system_file;
    return fd2::settings::load(from);
}

}  // namespace test
