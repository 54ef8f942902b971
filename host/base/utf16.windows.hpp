// Text as Windows has it: UTF-16, only ever at a system call. Everywhere else text is UTF-8.
#pragma once

#include <windows.h>

#include <string>
#include <string_view>

namespace fd2 {

/// What is no UTF-8 becomes U+FFFD.
inline std::wstring to_utf16(std::string_view text) {
    if (text.empty()) return {};
    const int given = static_cast<int>(text.size());
    const int size = ::MultiByteToWideChar(CP_UTF8, 0, text.data(), given, nullptr, 0);
    std::wstring out(static_cast<std::size_t>(size), L'\0');
    ::MultiByteToWideChar(CP_UTF8, 0, text.data(), given, out.data(), size);
    return out;
}

/// What is no UTF-16 (half of a pair) becomes U+FFFD.
inline std::string to_utf8(std::wstring_view text) {
    if (text.empty()) return {};
    const int given = static_cast<int>(text.size());
    const int size =
        ::WideCharToMultiByte(CP_UTF8, 0, text.data(), given, nullptr, 0, nullptr, nullptr);
    std::string out(static_cast<std::size_t>(size), '\0');
    ::WideCharToMultiByte(CP_UTF8, 0, text.data(), given, out.data(), size, nullptr, nullptr);
    return out;
}

}  // namespace fd2
