// A directory of a test's own.
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>

/// Removed with everything in it. Every directory above it is root's or sticky, and what is made in
/// it nobody else can write: fd2 trusts both.
class scratch {
  public:
    scratch() {
        ::umask(022);
        if (::mkdtemp(path_.data()) == nullptr) {
            throw std::system_error(errno, std::generic_category(), "mkdtemp");
        }
    }
    ~scratch() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    scratch(const scratch&) = delete;
    scratch& operator=(const scratch&) = delete;

    const std::string& path() const { return path_; }
    std::string operator/(std::string_view name) const { return path_ + '/' + std::string(name); }

    /// A directory in it, with those above, and its path.
    std::string directory(const std::string& name, mode_t mode = 0755) const {
        const std::string made = *this / name;
        std::filesystem::create_directories(made);
        if (::chmod(made.c_str(), mode) != 0) {
            throw std::system_error(errno, std::generic_category(), made);
        }
        return made;
    }

    /// Writes a file, with the directories above it, and returns its path.
    std::string write(const std::string& name, std::string_view text) const {
        const std::filesystem::path file = *this / name;
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file, std::ios::binary) << text;
        return file.string();
    }

  private:
    std::string path_ = "/tmp/fd2-test-XXXXXX";
};
