// A directory of a test's own, and plugin files put into it.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "support/catch.hpp"

/// Removed with everything in it. Every directory above it is root's or sticky, as in /tmp.
class scratch {
  public:
    scratch() {
        char name[] = "/tmp/fd2-loader-XXXXXX";
        REQUIRE(::mkdtemp(name) != nullptr);
        path_ = name;
    }
    ~scratch() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    scratch(const scratch&) = delete;
    scratch& operator=(const scratch&) = delete;

    const std::string& path() const { return path_; }

    std::string directory(const std::string& name, mode_t mode = 0755) const {
        const std::string made = path_ + "/" + name;
        std::filesystem::create_directories(made);
        REQUIRE(::chmod(made.c_str(), mode) == 0);
        return made;
    }

    /// A copy of the built plugin `id` as `name`, with a fresh inode.
    std::string plugin(const std::string& id, const std::string& name, mode_t mode = 0755) const {
        const std::string to = path_ + "/" + name;
        std::filesystem::copy_file(std::string(FD2_LOADER_PLUGINS "/") + id + ".so", to + ".new");
        REQUIRE(::chmod((to + ".new").c_str(), mode) == 0);
        std::filesystem::rename(to + ".new", to);
        return to;
    }

    std::string text(const std::string& name, const std::string& content) const {
        const std::string to = path_ + "/" + name;
        std::ofstream(to, std::ios::binary) << content;
        return to;
    }

  private:
    std::string path_;
};

inline bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != text.npos;
}
