// One function a layer. Private to the room.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "settings/assembly.hpp"
#include "settings/document.hpp"
#include "settings/load.hpp"

namespace fd2::settings {

void apply_file(const node& document, const std::string& file, assembly& out);

/// One FD2_* variable with a value. A name that is not known becomes a warning.
struct variable {
    std::string_view name;
    std::string_view value;
};
void apply_environment(std::span<const variable> variables, assembly& out);

void apply_options(std::span<const option_value> options, assembly& out);

}  // namespace fd2::settings
