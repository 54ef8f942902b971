#include "cli/conform.hpp"

#include <filesystem>

#include "base/files.hpp"
#include "cli/system.hpp"
#include "process/spawn.hpp"
#include "settings/places.hpp"

namespace fd2::cli {

std::vector<std::string> conform_programs() {
    const std::filesystem::path self = path_of(own_executable());
    const auto program = [](const std::filesystem::path& path) {
        return utf8_path(path) + std::string(program_suffix);
    };
    // Beside fd2 in a build, in the prefix's libexec once it is installed.
    return {program(self.parent_path() / "fd2-conform"),
            program(self.parent_path().parent_path() / FD2_CONFORM_RELATIVE)};
}

int become_conform(int argc, char** argv) {
    constexpr int failed = 2;
    const auto loaded = load_settings({}, true);
    if (!loaded) return failed;
    std::string directories;
    for (const auto& each : plugin_directories(loaded->values)) {
        if (!directories.empty()) directories += settings::between_directories;
        directories += each.path;
    }
    set_variable("FD2_PLUGIN_PATH", directories);
    const auto places = conform_programs();
    for (const auto& place : places) {
        process::spawn_spec spec;
        spec.argv = {place};
        spec.argv.insert(spec.argv.end(), argv + 2, argv + argc);
        process::spawn_refusal refusal{};
        const failure why = process::execute(spec, &refusal);
        if (refusal != process::spawn_refusal::not_found) {
            complain(text_of(why));
            return failed;
        }
    }
    complain("conform: " + places.back() +
             ": not found; it is built only if Catch2 and RapidCheck are installed and "
             "FD2_CONFORM is not OFF");
    return failed;
}

}  // namespace fd2::cli
