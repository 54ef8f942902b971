// fnmatch(3) without flags. Private to the room.
#pragma once

#include <string>

namespace fd2::settings {

/// `*` stands for any text, `?` for one character, `[a-z]` for one of them, `[!a-z]` for any other;
/// a backslash takes the meaning from what follows.
bool matches_wildcard(const std::string& pattern, const std::string& text);

}  // namespace fd2::settings
