#include "cli/conform.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "base/files.hpp"

namespace fd2::cli {

std::vector<std::string> conform_programs() {
    const std::filesystem::path self = own_executable();
    // Beside fd2 in a build, in the prefix's libexec once it is installed.
    return {self.parent_path() / "fd2-conform",
            self.parent_path().parent_path() / FD2_CONFORM_RELATIVE};
}

int become_conform(int argc, char** argv) {
    constexpr int failed = 2;
    const auto loaded = load_settings({}, true);
    if (!loaded) return failed;
    std::string directories;
    for (const auto& each : plugin_directories(loaded->values)) {
        directories += (directories.empty() ? "" : ":") + each.path;
    }
    ::setenv("FD2_PLUGIN_PATH", directories.c_str(), 1);
    const auto places = conform_programs();
    for (const auto& place : places) {
        std::string name = place;
        std::vector<char*> words = {name.data()};
        words.insert(words.end(), argv + 2, argv + argc);
        words.push_back(nullptr);
        ::execv(name.c_str(), words.data());
        if (errno != ENOENT) {
            complain(text_of(system_failure("execute", name, errno)));
            return failed;
        }
    }
    complain("conform: " + places.back() +
             ": not found; it is built only if Catch2 and RapidCheck are installed and "
             "FD2_CONFORM is not OFF");
    return failed;
}

}  // namespace fd2::cli
