#include "base/files.hpp"

namespace fd2 {

std::filesystem::path path_of(std::string_view utf8) {
    // Of char8_t it is UTF-8 by definition; where the system's paths are bytes, they are kept.
    return std::filesystem::path(reinterpret_cast<const char8_t*>(utf8.data()),
                                 reinterpret_cast<const char8_t*>(utf8.data() + utf8.size()));
}

std::string utf8_path(const std::filesystem::path& path) {
    const std::u8string text = path.generic_u8string();
    return {reinterpret_cast<const char*>(text.data()), text.size()};
}

}  // namespace fd2
