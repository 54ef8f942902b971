#include <algorithm>
#include <cwchar>
#include <vector>

#include "base/files.hpp"
#include "base/handle.windows.hpp"
#include "base/system_code.hpp"
#include "base/utf16.windows.hpp"

namespace fd2 {
namespace {

failure failed(std::string_view operation, std::string_view object) {
    return system_failure(operation, object, last_system_code());
}

bool is_slash(char c) noexcept {
    return c == '/' || c == '\\';
}

std::string with_slashes(std::string_view path) {
    std::string out(path);
    std::replace(out.begin(), out.end(), '\\', '/');
    return out;
}

/// What GetFinalPathNameByHandle and long paths begin with is taken away.
std::string shown(std::wstring_view path) {
    constexpr std::wstring_view unc = L"\\\\?\\UNC\\", verbatim = L"\\\\?\\";
    if (path.starts_with(unc)) return "//" + with_slashes(utf8_of(path.substr(unc.size())));
    if (path.starts_with(verbatim)) path.remove_prefix(verbatim.size());
    return with_slashes(utf8_of(path));
}

/// Calls `ask(buffer, size)`, which says how much it has written or how much it needs, until it
/// fits. Empty: it failed.
template <class Ask>
std::wstring text_from(const Ask& ask) {
    std::wstring out(MAX_PATH, L'\0');
    for (;;) {
        const DWORD size = ask(out.data(), static_cast<DWORD>(out.size()));
        if (size < out.size()) return out.resize(size), out;
        out.resize(std::max<std::size_t>(size, out.size()) + MAX_PATH);
    }
}

unique_fd open_for(const std::string& path, DWORD access, DWORD flags = 0) noexcept {
    // Who renames or deletes it meanwhile may, as everywhere else. A pipe's server may not act as
    // us.
    return unique_fd(fd_of(::CreateFileW(
        system_path(path).c_str(), access, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
        nullptr, OPEN_EXISTING,
        FILE_FLAG_BACKUP_SEMANTICS | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION | flags,
        nullptr)));
}

}  // namespace

bool is_absolute(std::string_view path) noexcept {
    if (path.size() > 2 && is_slash(path[0]) && is_slash(path[1])) return true;
    const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
    return path.size() > 2 && letter(path[0]) && path[1] == ':' && is_slash(path[2]);
}

std::string absolute(std::string_view path) {
    if (path.empty() || is_absolute(path)) return with_slashes(path);
    const std::wstring given = utf16_of(path);
    const std::wstring full = text_from([&](wchar_t* data, DWORD size) {
        return ::GetFullPathNameW(given.c_str(), size, data, nullptr);
    });
    return full.empty() ? std::string(path) : shown(full);
}

result<std::string> real_path(const std::string& path) {
    const unique_fd file = open_for(path, FILE_READ_ATTRIBUTES);
    if (!file) return failed("open", path);
    const std::wstring full = text_from([&](wchar_t* data, DWORD size) {
        return ::GetFinalPathNameByHandleW(handle_of(file.get()), data, size, FILE_NAME_NORMALIZED);
    });
    if (full.empty()) return failed("GetFinalPathNameByHandle", path);
    return shown(full);
}

std::string own_executable() {
    return shown(text_from(
        [](wchar_t* data, DWORD size) { return ::GetModuleFileNameW(nullptr, data, size); }));
}

std::string own_module() {
    HMODULE module = nullptr;
    if (::GetModuleHandleExW(
            GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
            reinterpret_cast<const wchar_t*>(&own_module), &module) == 0) {
        return {};
    }
    return shown(text_from(
        [&](wchar_t* data, DWORD size) { return ::GetModuleFileNameW(module, data, size); }));
}

char** own_environment() {
    static const auto all = [] {
        std::vector<std::string> out;
        wchar_t* const block = ::GetEnvironmentStringsW();
        for (const wchar_t* at = block; at != nullptr && *at != L'\0';) {
            const std::wstring_view one(at);
            // "=C:=C:\...": the working directory of a drive.
            if (one.front() != L'=') out.push_back(utf8_of(one));
            at += one.size() + 1;
        }
        if (block != nullptr) ::FreeEnvironmentStringsW(block);
        return out;
    }();
    static auto pointers = [] {
        std::vector<char*> out;
        for (const auto& one : all) out.push_back(const_cast<char*>(one.c_str()));
        out.push_back(nullptr);
        return out;
    }();
    return pointers.data();
}

std::optional<std::string> environment_variable(const char* name) {
    const std::wstring wide = utf16_of(name);
    ::SetLastError(ERROR_SUCCESS);
    const std::wstring value = text_from([&](wchar_t* data, DWORD size) {
        return ::GetEnvironmentVariableW(wide.c_str(), data, size);
    });
    if (value.empty() && ::GetLastError() == ERROR_ENVVAR_NOT_FOUND) return std::nullopt;
    return utf8_of(value);
}

bool is_there(const std::string& path) noexcept {
    return ::GetFileAttributesW(system_path(path).c_str()) != INVALID_FILE_ATTRIBUTES ||
           !means_absent(last_system_code());
}

result<file_identity> identity_of(const std::string& path) {
    const unique_fd file = open_for(path, FILE_READ_ATTRIBUTES);
    if (!file) return failed("open", path);
    return identity_of(file.get());
}

result<file_identity> identity_of(int fd) {
    BY_HANDLE_FILE_INFORMATION about{};
    if (::GetFileInformationByHandle(handle_of(fd), &about) == 0) {
        return failed("GetFileInformationByHandle", "");
    }
    const std::uint64_t high = about.nFileIndexHigh;
    return file_identity{about.dwVolumeSerialNumber, (high << 32) | about.nFileIndexLow};
}

result<file_kind> kind_of(int fd) {
    ::SetLastError(ERROR_SUCCESS);
    switch (::GetFileType(handle_of(fd))) {
        case FILE_TYPE_DISK:
            break;
        case FILE_TYPE_CHAR:
            return file_kind::device;
        case FILE_TYPE_PIPE: {
            int type = 0;
            int size = sizeof type;
            const bool socket = ::getsockopt(socket_of(fd), SOL_SOCKET, SO_TYPE,
                                             reinterpret_cast<char*>(&type), &size) == 0;
            return socket ? file_kind::socket : file_kind::pipe;
        }
        default:
            if (::GetLastError() != ERROR_SUCCESS) return failed("GetFileType", "");
            return file_kind::unknown;
    }
    BY_HANDLE_FILE_INFORMATION about{};
    if (::GetFileInformationByHandle(handle_of(fd), &about) == 0) {
        return failed("GetFileInformationByHandle", "");
    }
    const bool directory = (about.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
    return directory ? file_kind::directory : file_kind::regular;
}

result<unique_fd> open_to_read(const std::string& path, last_link link, writers) {
    const DWORD follow = link == last_link::follow ? 0 : FILE_FLAG_OPEN_REPARSE_POINT;
    unique_fd file = open_for(path, GENERIC_READ, follow);
    if (!file) return failed("open", path);
    if (follow != 0) {
        FILE_ATTRIBUTE_TAG_INFO about{};
        if (::GetFileInformationByHandleEx(handle_of(file.get()), FileAttributeTagInfo, &about,
                                           sizeof about) == 0) {
            return failed("GetFileInformationByHandleEx", path);
        }
        if ((about.FileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0 &&
            IsReparseTagNameSurrogate(about.ReparseTag)) {
            return system_failure("open", path, ERROR_CANT_RESOLVE_FILENAME);
        }
    }
    return file;
}

result<std::size_t> read_some(int fd, char* data, std::size_t size) {
    DWORD got = 0;
    const DWORD most = static_cast<DWORD>(std::min<std::size_t>(size, 1U << 30));
    if (::ReadFile(handle_of(fd), data, most, &got, nullptr) != 0) return std::size_t{got};
    switch (::GetLastError()) {
        case ERROR_HANDLE_EOF:
        case ERROR_BROKEN_PIPE:  // every writer is gone
            return std::size_t{0};
        default:
            return failed("ReadFile", "");
    }
}

status write_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        DWORD done = 0;
        const DWORD most = static_cast<DWORD>(std::min<std::size_t>(bytes.size(), 1U << 30));
        if (::WriteFile(handle_of(fd), bytes.data(), most, &done, nullptr) == 0) {
            return failed("WriteFile", "");
        }
        if (done == 0) return system_failure("WriteFile", "", system_code::no_space);
        bytes.remove_prefix(done);
    }
    return {};
}

status replace_file(const std::string& from, const std::string& to) {
    if (::MoveFileExW(system_path(from).c_str(), system_path(to).c_str(),
                      MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH) == 0) {
        return failed("rename", to);
    }
    return {};
}

status each_name_in(const std::string& directory,
                    const std::function<bool(std::string_view name)>& take) {
    WIN32_FIND_DATAW entry;
    const HANDLE list = ::FindFirstFileW(system_path(directory + "/*").c_str(), &entry);
    if (list == INVALID_HANDLE_VALUE) {
        const int why = last_system_code();
        const DWORD there = ::GetFileAttributesW(system_path(directory).c_str());
        if (there == INVALID_FILE_ATTRIBUTES) return system_failure("open", directory, why);
        if ((there & FILE_ATTRIBUTE_DIRECTORY) == 0) {
            return system_failure("open", directory, ERROR_DIRECTORY);
        }
        // The root of a drive may hold nothing, not even itself.
        return why == ERROR_FILE_NOT_FOUND ? status() : system_failure("open", directory, why);
    }
    struct closed {
        HANDLE list;
        ~closed() { ::FindClose(list); }
    } const whole{list};
    do {
        const std::wstring_view name = entry.cFileName;
        if (name != L"." && name != L".." && !take(utf8_of(name))) return {};
    } while (::FindNextFileW(list, &entry) != 0);
    if (::GetLastError() != ERROR_NO_MORE_FILES) return failed("FindNextFile", directory);
    return {};
}

int set_non_blocking(int fd) noexcept {
    u_long on = 1;
    if (::ioctlsocket(socket_of(fd), FIONBIO, &on) == 0) return 0;
    DWORD mode = PIPE_READMODE_BYTE | PIPE_NOWAIT;
    if (::SetNamedPipeHandleState(handle_of(fd), &mode, nullptr, nullptr) != 0) return 0;
    return last_system_code();
}

}  // namespace fd2
