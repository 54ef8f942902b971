#include "channel/verdict_store.hpp"

#include <winsock2.h>

#include <windows.h>

#include <bcrypt.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include "base/handle.windows.hpp"
#include "base/system_code.hpp"
#include "base/utf16.windows.hpp"
#include "channel/verdict_files.hpp"

namespace fd2::channel {

namespace {

std::wstring environment(const wchar_t* name) {
    std::wstring text(::GetEnvironmentVariableW(name, nullptr, 0), L'\0');
    text.resize(::GetEnvironmentVariableW(name, text.data(), static_cast<DWORD>(text.size())));
    return text;
}

struct closes_algorithm {
    void operator()(void* algorithm) const noexcept {
        ::BCryptCloseAlgorithmProvider(algorithm, 0);
    }
};
struct destroys_hash {
    void operator()(void* hash) const noexcept { ::BCryptDestroyHash(hash); }
};

failure no_hash() {
    return {errc::resource, 0, "SHA-256: the plugin's content: not to be had"};
}

}  // namespace

// The user's profile, which belongs to the user.
std::string users_store() {
    const std::wstring local = environment(L"LOCALAPPDATA");
    return local.empty() ? std::string() : utf8_of(local) + "/fd2/verdicts";
}

std::string system_store() {
    return {};
}

std::optional<std::string> read_record(const std::string& directory, const std::string& name) {
    if (directory.empty()) return std::nullopt;
    std::ifstream in(std::filesystem::path(system_path(directory + "/" + name)), std::ios::binary);
    if (!in) return std::nullopt;
    std::ostringstream text;
    text << in.rdbuf();
    return std::move(text).str();
}

result<std::string> write_record(const std::string& name, const std::string& text) {
    const std::string directory = users_store();
    if (directory.empty()) {
        return advise({errc::config, 0, "verdict: no directory: LOCALAPPDATA is not set"},
                      "set LOCALAPPDATA");
    }
    std::error_code failed;
    std::filesystem::create_directories(system_path(directory), failed);
    if (failed) return system_failure("verdict: create directory", directory, failed.value());
    // Beside, then renamed: it is there whole or not at all.
    const std::string file = directory + "/" + name;
    const std::wstring beside = system_path(file + "." + std::to_string(::GetCurrentProcessId()));
    {
        std::ofstream out(std::filesystem::path(beside), std::ios::binary | std::ios::trunc);
        out << text;
        if (!out.flush()) return system_failure("verdict: write", file, last_system_code());
    }
    if (::MoveFileExW(beside.c_str(), system_path(file).c_str(), MOVEFILE_REPLACE_EXISTING)) {
        return file;
    }
    const int why = last_system_code();
    ::DeleteFileW(beside.c_str());
    return system_failure("verdict: write", file, why);
}

result<std::string> content_hash(int fd) {
    BCRYPT_ALG_HANDLE algorithm = nullptr;
    if (::BCryptOpenAlgorithmProvider(&algorithm, BCRYPT_SHA256_ALGORITHM, nullptr, 0) < 0) {
        return no_hash();
    }
    const std::unique_ptr<void, closes_algorithm> closed(algorithm);
    BCRYPT_HASH_HANDLE hash = nullptr;
    if (::BCryptCreateHash(algorithm, &hash, nullptr, 0, nullptr, 0, 0) < 0) return no_hash();
    const std::unique_ptr<void, destroys_hash> destroyed(hash);
    constexpr DWORD size = 65536;
    const auto chunk = std::make_unique_for_overwrite<std::uint8_t[]>(size);
    for (std::uint64_t at = 0;;) {
        OVERLAPPED where{};
        where.Offset = static_cast<DWORD>(at);
        where.OffsetHigh = static_cast<DWORD>(at >> 32U);
        DWORD got = 0;
        if (!::ReadFile(handle_of(fd), chunk.get(), size, &got, &where)) {
            if (::GetLastError() == ERROR_HANDLE_EOF) break;
            return system_failure("read", "the plugin's content", last_system_code());
        }
        if (got == 0) break;
        if (::BCryptHashData(hash, chunk.get(), got, 0) < 0) return no_hash();
        at += got;
    }
    std::array<std::uint8_t, 32> sum{};
    if (::BCryptFinishHash(hash, sum.data(), static_cast<ULONG>(sum.size()), 0) < 0) {
        return no_hash();
    }
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (const std::uint8_t byte : sum) {
        text += digits[byte >> 4U];
        text += digits[byte & 0xFU];
    }
    return text;
}

}  // namespace fd2::channel
