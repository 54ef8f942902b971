#include "settings/places.hpp"
#include "base/files.hpp"

namespace fd2::settings {

const std::string_view home_variable = "APPDATA";
const std::string_view usual_files = "%ProgramData%\\fd2\\fd2.yaml or %APPDATA%\\fd2\\fd2.yaml";
const char between_directories = ';';
const std::string_view absolute_begins = "C:/";

std::string file_at_home(std::string_view home) {
    return std::string(home) + "/fd2/fd2.yaml";
}

std::string usual_system_file() {
    return absolute(environment_variable("ProgramData").value_or("C:/ProgramData")) +
           "/fd2/fd2.yaml";
}

}  // namespace fd2::settings
