#include "channel/trust.hpp"

#include "base/files.hpp"
#include "base/handle.windows.hpp"
#include "base/system_code.hpp"
#include "base/utf16.windows.hpp"

namespace fd2::channel {

namespace {

failure refused(const distrust& why) {
    return advise(
        {errc::denied, ERROR_ACCESS_DENIED, "plugin refused: " + why.component + ": " + why.why},
        why.mend);
}

/// A plugin that is not there is no reason to stop: the next backend is tried.
failure cannot_open(const std::string& path, int code) {
    failure why = system_failure("open plugin", path, code);
    if (means_absent(code)) why.code = errc::unsupported;
    return why;
}

}  // namespace

trusted_owner owner_of_executable() {
    return trusted_owner_of(own_executable().c_str());
}

status check_directory(const std::string& path, const trusted_owner& owner) {
    const auto resolved = real_path(path);
    if (!resolved) return resolved.error();
    const auto found =
        distrust_above(resolved->ends_with('/') ? *resolved : *resolved + "/", owner);
    return found ? status(refused(*found)) : status();
}

result<opened_plugin> open_plugin(const std::string& path, trust_source source,
                                  const trusted_owner& owner) {
    std::string opened = path;
    if (source == trust_source::verified) {
        auto resolved = real_path(path);
        if (!resolved) return cannot_open(path, resolved.error().sys_errno);
        opened = std::move(*resolved);
        if (const auto found = distrust_above(opened, owner)) return refused(*found);
    }
    // Nobody can write to it while it is open here, nor while it is mapped.
    const HANDLE handle =
        ::CreateFileW(system_path(opened).c_str(), GENERIC_READ | READ_CONTROL,
                      FILE_SHARE_READ | FILE_SHARE_DELETE, nullptr, OPEN_EXISTING, 0, nullptr);
    unique_fd file(fd_of(handle));
    if (!file) return cannot_open(path, last_system_code());
    if (::GetFileType(handle) != FILE_TYPE_DISK) {
        return refused({opened, "not a regular file", "name a plugin's file"});
    }
    if (source == trust_source::verified) {
        if (const auto found = distrust_of_open(opened, file.get(), owner)) return refused(*found);
    }
    return opened_plugin{std::move(file), std::move(opened)};
}

}  // namespace fd2::channel
