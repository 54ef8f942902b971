#include "base/files.hpp"

#include <windows.h>

#include <aclapi.h>

#include <array>
#include <cstddef>
#include <vector>

#include "base/handle.windows.hpp"
#include "base/system_code.hpp"
#include "base/trust.hpp"
#include "base/utf16.windows.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"

namespace {

/// Everybody may read it, and whoever the list names do what it says; nothing is inherited.
void set_access(const std::string& path, const std::vector<EXPLICIT_ACCESSW>& entries) {
    PACL list = nullptr;
    REQUIRE(::SetEntriesInAclW(static_cast<ULONG>(entries.size()),
                               const_cast<EXPLICIT_ACCESSW*>(entries.data()), nullptr,
                               &list) == ERROR_SUCCESS);
    auto name = fd2::system_path(path);
    const auto failed =
        ::SetNamedSecurityInfoW(name.data(), SE_FILE_OBJECT,
                                DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION,
                                nullptr, nullptr, list, nullptr);
    ::LocalFree(list);
    REQUIRE(failed == ERROR_SUCCESS);
}

EXPLICIT_ACCESSW allow(PSID who, DWORD what) {
    EXPLICIT_ACCESSW out{};
    out.grfAccessPermissions = what;
    out.grfAccessMode = GRANT_ACCESS;
    out.grfInheritance = NO_INHERITANCE;
    out.Trustee.TrusteeForm = TRUSTEE_IS_SID;
    out.Trustee.ptstrName = static_cast<LPWSTR>(who);
    return out;
}

struct known_sid {
    alignas(SID) std::array<std::byte, SECURITY_MAX_SID_SIZE> bytes;
    explicit known_sid(WELL_KNOWN_SID_TYPE which) {
        DWORD size = static_cast<DWORD>(bytes.size());
        REQUIRE(::CreateWellKnownSid(which, nullptr, bytes.data(), &size));
    }
    PSID get() { return bytes.data(); }
};

}  // namespace

TEST_CASE("who may write a file, or take it over, is asked of its access list") {
    const scratch dir;
    const auto file = fd2::real_path(dir.write("plugin.dll", "x"));
    REQUIRE(file);
    const auto distrusted = [&] {
        const auto opened = fd2::open_to_read(*file);
        REQUIRE(opened);
        return fd2::distrust_of_open(*file, opened->get());
    };
    known_sid everybody(WinWorldSid), administrators(WinBuiltinAdministratorsSid);
    const auto ours = allow(administrators.get(), FILE_ALL_ACCESS);
    set_access(*file, {ours, allow(everybody.get(), FILE_GENERIC_READ | FILE_GENERIC_EXECUTE)});
    CHECK_FALSE(distrusted());
    set_access(*file, {ours, allow(everybody.get(), FILE_GENERIC_READ | FILE_GENERIC_WRITE)});
    const auto why = distrusted();
    REQUIRE(why);
    CHECK(why->component == *file);
    CHECK(why->why == "writable by others");
}

TEST_CASE("others may add to a directory above, but not remove what is in it") {
    const scratch dir;
    const std::string above = dir.directory("above");
    const auto file = fd2::real_path(dir.write("above/plugin.dll", "x"));
    REQUIRE(file);
    known_sid everybody(WinWorldSid), administrators(WinBuiltinAdministratorsSid);
    const auto ours = allow(administrators.get(), FILE_ALL_ACCESS);
    set_access(above, {ours, allow(everybody.get(), FILE_GENERIC_READ | FILE_GENERIC_EXECUTE)});
    CHECK_FALSE(fd2::distrust_above(*file));
    set_access(above, {ours, allow(everybody.get(), FILE_ALL_ACCESS)});
    const auto why = fd2::distrust_above(*file);
    REQUIRE(why);
    CHECK(file->starts_with(why->component + "/"));
    CHECK(why->why == "writable by others");
}

TEST_CASE("drives and servers are absolute") {
    CHECK(fd2::is_absolute("C:/a"));
    CHECK(fd2::is_absolute("c:\\a"));
    CHECK(fd2::is_absolute("\\\\server\\share"));
    CHECK_FALSE(fd2::is_absolute("C:a"));
    CHECK_FALSE(fd2::is_absolute("/a"));
    CHECK(fd2::absolute("C:\\a\\b") == "C:/a/b");
    CHECK(fd2::absolute("/a").ends_with(":/a"));
}

TEST_CASE("the real path has a drive and no prefix") {
    const scratch dir;
    const auto real = fd2::real_path(dir.write("file", ""));
    REQUIRE(real);
    CHECK(real->substr(1, 2) == ":/");
    CHECK(real->find('\\') == real->npos);
}

TEST_CASE("pipes and sockets are told apart, and a read ends where no writer is left") {
    HANDLE read = nullptr, write = nullptr;
    REQUIRE(::CreatePipe(&read, &write, nullptr, 0) != 0);
    const fd2::unique_fd reader(fd2::fd_of(read));
    fd2::unique_fd writer(fd2::fd_of(write));
    CHECK(*fd2::kind_of(reader.get()) == fd2::file_kind::pipe);
    REQUIRE(fd2::write_all(writer.get(), "abc"));
    writer.reset();
    std::array<char, 8> buffer{};
    CHECK(*fd2::read_some(reader.get(), buffer.data(), buffer.size()) == 3);
    CHECK(*fd2::read_some(reader.get(), buffer.data(), buffer.size()) == 0);
}

TEST_CASE("a pipe is made non-blocking") {
    HANDLE read = nullptr, write = nullptr;
    REQUIRE(::CreatePipe(&read, &write, nullptr, 0) != 0);
    const fd2::unique_fd reader(fd2::fd_of(read)), writer(fd2::fd_of(write));
    CHECK(fd2::set_non_blocking(reader.get()) == 0);
    CHECK(fd2::set_non_blocking(-1) != 0);
}
