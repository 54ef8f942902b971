#include <windows.h>

#include <aclapi.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <vector>

#include "base/handle.windows.hpp"
#include "base/system_code.hpp"
#include "base/trust.hpp"
#include "base/unique_fd.hpp"
#include "base/utf16.windows.hpp"

namespace fd2 {
namespace {

using sid = std::vector<std::byte>;

sid copy_of(PSID from) {
    const auto* const bytes = static_cast<const std::byte*>(from);
    return {bytes, bytes + ::GetLengthSid(from)};
}

sid well_known(WELL_KNOWN_SID_TYPE which) {
    sid out(SECURITY_MAX_SID_SIZE);
    DWORD size = static_cast<DWORD>(out.size());
    if (::CreateWellKnownSid(which, nullptr, out.data(), &size) == 0) return {};
    out.resize(size);
    return out;
}

/// NT SERVICE\TrustedInstaller, who owns what belongs to Windows.
sid trusted_installer() {
    SID_IDENTIFIER_AUTHORITY nt = SECURITY_NT_AUTHORITY;
    PSID made = nullptr;
    if (::AllocateAndInitializeSid(&nt, 6, 80, 956008885, 3418522649, 1831038044, 1853292631,
                                   2271478464, 0, 0, &made) == 0) {
        return {};
    }
    sid out = copy_of(made);
    ::FreeSid(made);
    return out;
}

sid present_user() {
    HANDLE token = nullptr;
    if (::OpenProcessToken(::GetCurrentProcess(), TOKEN_QUERY, &token) == 0) return {};
    const unique_fd owner(fd_of(token));
    alignas(TOKEN_USER) std::array<std::byte, sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE> about;
    DWORD size = 0;
    if (::GetTokenInformation(token, TokenUser, about.data(), static_cast<DWORD>(about.size()),
                              &size) == 0) {
        return {};
    }
    return copy_of(reinterpret_cast<const TOKEN_USER*>(about.data())->User.Sid);
}

bool is_trusted(PSID who) {
    static const std::vector<sid> trusted = [] {
        std::vector<sid> all{well_known(WinLocalSystemSid), well_known(WinBuiltinAdministratorsSid),
                             trusted_installer(), present_user()};
        std::erase(all, sid());
        return all;
    }();
    return who != nullptr && std::any_of(trusted.begin(), trusted.end(), [&](const sid& each) {
               return ::EqualSid(who, const_cast<std::byte*>(each.data())) != 0;
           });
}

// What makes somebody its master; and what changes a file. Adding entries to a directory changes
// none that are there.
constexpr ACCESS_MASK takes_over = DELETE | WRITE_DAC | WRITE_OWNER | GENERIC_ALL;
constexpr ACCESS_MASK writes_file = FILE_WRITE_DATA | FILE_APPEND_DATA | GENERIC_WRITE;
constexpr ACCESS_MASK writes_directory = FILE_DELETE_CHILD;

/// Whether the entry lets somebody who is not trusted do any of `what` with this object. (With
/// those below it, it may: they are looked at themselves.)
bool gives_away(ACL& list, DWORD index, ACCESS_MASK what) {
    void* found = nullptr;
    if (::GetAce(&list, index, &found) == 0) return true;
    const auto& header = *static_cast<const ACE_HEADER*>(found);
    if ((header.AceFlags & INHERIT_ONLY_ACE) != 0) return false;
    switch (header.AceType) {
        case ACCESS_DENIED_ACE_TYPE:
        case ACCESS_DENIED_OBJECT_ACE_TYPE:
        case ACCESS_DENIED_CALLBACK_ACE_TYPE:
        case SYSTEM_AUDIT_ACE_TYPE:
        case SYSTEM_MANDATORY_LABEL_ACE_TYPE:
            return false;
        case ACCESS_ALLOWED_ACE_TYPE:
        case ACCESS_ALLOWED_CALLBACK_ACE_TYPE:
            break;
        default:
            return true;  // of a kind that files do not have
    }
    auto& allowed = *static_cast<ACCESS_ALLOWED_ACE*>(found);
    if ((allowed.Mask & what) == 0) return false;
    PSID who = &allowed.SidStart;
    // The owner, who is judged already.
    if (::IsWellKnownSid(who, WinCreatorOwnerRightsSid) != 0) return false;
    return !is_trusted(who);
}

struct freed_locally {
    void operator()(void* memory) const noexcept { ::LocalFree(memory); }
};

std::optional<distrust> judge(const std::string& component, HANDLE object, ACCESS_MASK what) {
    PSID owner = nullptr;
    PACL list = nullptr;
    PSECURITY_DESCRIPTOR memory = nullptr;
    const DWORD failed = ::GetSecurityInfo(object, SE_FILE_OBJECT,
                                           OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION,
                                           &owner, nullptr, &list, nullptr, &memory);
    const std::unique_ptr<void, freed_locally> kept(memory);
    if (failed != 0) {
        return distrust{
            component, system_failure("GetSecurityInfo", "", static_cast<int>(failed)).message, ""};
    }
    if (!is_trusted(owner)) {
        return distrust{component, "owned by somebody else than you, Administrators and Windows",
                        "run: icacls \"" + component + "\" /setowner Administrators"};
    }
    bool open = list == nullptr;  // no list at all: everybody may do everything
    for (DWORD i = 0; !open && i < list->AceCount; ++i) open = gives_away(*list, i, what);
    if (!open) return std::nullopt;
    return distrust{component, "writable by others",
                    "run: icacls \"" + component +
                        "\" /inheritance:r /grant:r Administrators:F \"" +
                        "%USERNAME%:F\" Users:RX"};
}

}  // namespace

trusted_owner trusted_owner_of(const char*) noexcept {
    return {};
}

std::optional<distrust> distrust_of_open(const std::string& component, int fd,
                                         const trusted_owner&) {
    return judge(component, handle_of(fd), takes_over | writes_file);
}

std::optional<distrust> distrust_above(const std::string& resolved, const trusted_owner&) {
    // C:/ and //server/share/ are the roots.
    std::size_t slash = resolved.find('/');
    for (int i = 0; i < 3 && resolved.starts_with("//"); ++i) slash = resolved.find('/', slash + 1);
    const std::size_t root = slash;
    for (; slash != std::string::npos; slash = resolved.find('/', slash + 1)) {
        const std::string directory = resolved.substr(0, slash + (slash == root ? 1 : 0));
        const HANDLE opened = ::CreateFileW(
            system_path(directory).c_str(), READ_CONTROL | FILE_READ_ATTRIBUTES,
            FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr, OPEN_EXISTING,
            FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, nullptr);
        const unique_fd owner(fd_of(opened));
        if (!owner) {
            return distrust{directory, system_failure("open", "", last_system_code()).message, ""};
        }
        FILE_ATTRIBUTE_TAG_INFO about{};
        if (::GetFileInformationByHandleEx(opened, FileAttributeTagInfo, &about, sizeof about) ==
                0 ||
            (about.FileAttributes & FILE_ATTRIBUTE_DIRECTORY) == 0 ||
            ((about.FileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0 &&
             IsReparseTagNameSurrogate(about.ReparseTag))) {
            return distrust{directory, "changed while it was checked", "try again"};
        }
        if (auto found = judge(directory, opened, takes_over | writes_directory)) return found;
    }
    return std::nullopt;
}

bool has_raised_privileges() noexcept {
    return false;
}

}  // namespace fd2
