#include "settings/wildcard.hpp"

#include <fnmatch.h>

namespace fd2::settings {

bool matches_wildcard(const std::string& pattern, const std::string& text) {
    return ::fnmatch(pattern.c_str(), text.c_str(), 0) == 0;
}

}  // namespace fd2::settings
