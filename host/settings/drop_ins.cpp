#include "settings/drop_ins.hpp"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "base/failure.hpp"

namespace fd2::settings {

drop_ins list_drop_ins(const std::string& directory) {
    drop_ins out;
    DIR* const list = ::opendir(directory.c_str());
    if (list == nullptr) {
        if (errno == ENOENT) return out;
        out.result = errno == EACCES ? drop_ins::outcome::refused : drop_ins::outcome::failed;
        out.message =
            errno == ENOTDIR ? "is not a directory" : system_failure("open", "", errno).message;
        return out;
    }
    out.result = drop_ins::outcome::read;
    for (;;) {
        errno = 0;
        const dirent* const entry = ::readdir(list);
        if (entry == nullptr) {
            if (errno != 0) {
                out.result = drop_ins::outcome::failed;
                out.message = system_failure("readdir", "", errno).message;
            }
            break;
        }
        const std::string_view name = entry->d_name;
        if (name.starts_with('.')) continue;
        std::string path = directory + '/' + entry->d_name;
        if (name.ends_with(".yaml"))
            out.files.push_back(std::move(path));
        else if (name.ends_with(".yml"))
            out.ignored.push_back(std::move(path));
        if (out.files.size() > most_drop_ins) {
            out.result = drop_ins::outcome::failed;
            out.message = "holds more than " + std::to_string(most_drop_ins) + " files";
            out.advice = "put the settings into fewer files";
            break;
        }
    }
    ::closedir(list);
    std::sort(out.files.begin(), out.files.end());
    std::sort(out.ignored.begin(), out.ignored.end());
    return out;
}

bool has_directory(const std::string& path) {
    const std::string directory = path.substr(0, std::max<std::size_t>(path.rfind('/'), 1));
    return ::access(directory.c_str(), F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR);
}

}  // namespace fd2::settings
