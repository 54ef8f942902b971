#include "settings/places.hpp"

namespace fd2::settings {

const std::string_view home_variable = "HOME";
const std::string_view usual_files = "/etc/fd2/fd2.yaml or ~/.config/fd2/fd2.yaml";
const char between_directories = ':';
const std::string_view absolute_begins = "/";

std::string file_at_home(std::string_view home) {
    return std::string(home) + "/.config/fd2/fd2.yaml";
}

std::string usual_system_file() {
    return "/etc/fd2/fd2.yaml";
}

}  // namespace fd2::settings
