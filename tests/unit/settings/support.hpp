// What the tests of this room share: files, environments, diagnostics as text.
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "settings/load.hpp"

namespace test {

/// A private directory, removed at the end.
class directory {
  public:
    directory() {
        std::string name =
            (std::filesystem::temp_directory_path() / "fd2-settings-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
        path_ = name;
    }
    directory(const directory&) = delete;
    directory& operator=(const directory&) = delete;
    ~directory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    const std::string& path() const { return path_; }

    /// Writes a file, with the directories above it, and returns its path.
    std::string write(const std::string& name, std::string_view text) const {
        const std::filesystem::path full = std::filesystem::path(path_) / name;
        std::filesystem::create_directories(full.parent_path());
        std::ofstream(full, std::ios::binary) << text;
        return full.string();
    }

  private:
    std::string path_;
};

inline std::string read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    if (!in) throw std::runtime_error("cannot read " + path);
    return {std::istreambuf_iterator<char>(in), {}};
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
