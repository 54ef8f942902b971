// A directory of a test's own.
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

/// Makes a directory that nobody has, and sees to it that what is made from now on nobody else can
/// write. Its path has '/' between its parts everywhere.
std::string make_scratch_directory();

/// Removed with everything in it. Every directory above it is root's or sticky, and what is made in
/// it nobody else can write: fd2 trusts both.
class scratch {
  public:
    scratch() = default;
    ~scratch() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    scratch(const scratch&) = delete;
    scratch& operator=(const scratch&) = delete;

    const std::string& path() const { return path_; }
    std::string operator/(std::string_view name) const { return path_ + '/' + std::string(name); }

    /// A directory in it, with those above, and its path.
    std::string directory(const std::string& name, unsigned mode = 0755) const {
        const std::string made = *this / name;
        std::filesystem::create_directories(made);
        std::filesystem::permissions(made, std::filesystem::perms(mode));
        return made;
    }

    /// Writes a file, with the directories above it, and returns its path.
    std::string write(const std::string& name, std::string_view text) const {
        const std::filesystem::path file = *this / name;
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file, std::ios::binary) << text;
        return file.generic_string();
    }

  private:
    const std::string path_ = make_scratch_directory();
};
