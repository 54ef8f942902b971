#include "channel/plugin_files.hpp"

namespace fd2::channel {

const std::string_view plugin_suffix = ".dll";

bool is_absolute_path(std::string_view name) noexcept {
    const auto is_separator = [](char c) { return c == '/' || c == '\\'; };
    return (name.size() > 2 && name[1] == ':' && is_separator(name[2])) ||
           (name.size() > 1 && is_separator(name[0]) && is_separator(name[1]));
}

// Trusted is who may administer the machine, and the user (base/trust.windows.cpp).
bool belongs_to_root(const opened_plugin&, trust_source source) {
    return source == trust_source::verified;
}

}  // namespace fd2::channel
