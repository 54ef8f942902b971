// Text is UTF-8 everywhere in fd2; Windows gets and gives UTF-16. What is not valid becomes U+FFFD.
#pragma once

#include <string>
#include <string_view>

namespace fd2 {

std::wstring utf16_of(std::string_view utf8);
std::string utf8_of(std::wstring_view utf16);

/// A path as the system calls want it: separators are backslashes, and one that is absolute and too
/// long for the old limit (260) gets the prefix that lifts it (\\?\).
std::wstring system_path(std::string_view utf8);

}  // namespace fd2
