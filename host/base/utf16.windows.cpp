#include "base/utf16.windows.hpp"

#include <windows.h>

#include <algorithm>

namespace fd2 {

std::wstring utf16_of(std::string_view utf8) {
    if (utf8.empty()) return {};
    const int size = static_cast<int>(utf8.size());
    const int wide = ::MultiByteToWideChar(CP_UTF8, 0, utf8.data(), size, nullptr, 0);
    std::wstring out(static_cast<std::size_t>(wide), L'\0');
    ::MultiByteToWideChar(CP_UTF8, 0, utf8.data(), size, out.data(), wide);
    return out;
}

std::string utf8_of(std::wstring_view utf16) {
    if (utf16.empty()) return {};
    const int size = static_cast<int>(utf16.size());
    const int bytes =
        ::WideCharToMultiByte(CP_UTF8, 0, utf16.data(), size, nullptr, 0, nullptr, nullptr);
    std::string out(static_cast<std::size_t>(bytes), '\0');
    ::WideCharToMultiByte(CP_UTF8, 0, utf16.data(), size, out.data(), bytes, nullptr, nullptr);
    return out;
}

std::wstring system_path(std::string_view utf8) {
    std::wstring out = utf16_of(utf8);
    std::replace(out.begin(), out.end(), L'/', L'\\');
    const bool drive = out.size() > 2 && out[1] == L':' && out[2] == L'\\';
    if (out.size() >= MAX_PATH && drive) out.insert(0, L"\\\\?\\");
    return out;
}

}  // namespace fd2
