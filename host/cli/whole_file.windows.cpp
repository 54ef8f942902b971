#include "cli/whole_file.hpp"

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/handle.windows.hpp"
#include "base/home_process.hpp"
#include "base/system_code.hpp"
#include "base/unique_fd.hpp"
#include "base/utf16.windows.hpp"

namespace fd2::cli {

// The new file has the access list that its directory gives to new ones, instead of a mode.
status replace_file(const std::string& path, std::span<const std::string_view> parts, mode_t) {
    const std::string beside =
        path + ".fd2-" + std::to_string(process_number()) + "-" + std::to_string(wall_clock());
    unique_fd file(fd_of(::CreateFileW(system_path(beside).c_str(), GENERIC_WRITE, 0, nullptr,
                                       CREATE_NEW, FILE_ATTRIBUTE_NORMAL, nullptr)));
    if (!file) return system_failure("create beside", path, last_system_code());
    status good;
    for (const std::string_view part : parts) {
        if (good) good = write_all(file.get(), part);
    }
    file.reset();
    if (good) good = fd2::replace_file(beside, path);
    if (!good) ::DeleteFileW(system_path(beside).c_str());
    return good;
}

}  // namespace fd2::cli
