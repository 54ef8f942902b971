// Plugin files put into a test's directory.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <string>

#include "support/catch.hpp"
#include "support/scratch.hpp"

/// A copy of the built plugin `id` as `name`, with a fresh inode.
inline std::string copy_plugin(const scratch& here, const std::string& id, const std::string& name,
                               mode_t mode = 0755) {
    const std::string file = here / name;
    std::filesystem::copy_file(std::string(FD2_LOADER_PLUGINS "/") + id + ".so", file + ".new");
    REQUIRE(::chmod((file + ".new").c_str(), mode) == 0);
    std::filesystem::rename(file + ".new", file);
    return file;
}

inline bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != text.npos;
}
