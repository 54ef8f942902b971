#include "settings/drop_ins.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/failure.hpp"
#include "base/files.hpp"
#include "base/system_code.hpp"

namespace fd2::settings {

drop_ins list_drop_ins(const std::string& directory) {
    drop_ins out;
    const status listed = each_name_in(directory, [&](std::string_view name) {
        if (name.starts_with('.')) return true;
        std::string path = directory + '/';
        path += name;
        if (name.ends_with(".yaml"))
            out.files.push_back(std::move(path));
        else if (name.ends_with(".yml"))
            out.ignored.push_back(std::move(path));
        return out.files.size() <= most_drop_ins;
    });
    out.result = drop_ins::outcome::read;
    if (!listed) {
        const failure& why = listed.error();
        const std::string_view call = std::string_view(why.message).substr(0, why.operation_size);
        const bool opened = call != "open";
        if (!opened && means_absent(why.sys_errno) && !means_no_directory(why.sys_errno)) {
            out.result = drop_ins::outcome::absent;
            return out;
        }
        out.result = !opened && means_denied(why.sys_errno) ? drop_ins::outcome::refused
                                                            : drop_ins::outcome::failed;
        out.message = !opened && means_no_directory(why.sys_errno)
                          ? "is not a directory"
                          : system_failure(call, "", why.sys_errno).message;
    } else if (out.files.size() > most_drop_ins) {
        out.result = drop_ins::outcome::failed;
        out.message = "holds more than " + std::to_string(most_drop_ins) + " files";
        out.advice = "put the settings into fewer files";
    }
    std::sort(out.files.begin(), out.files.end());
    std::sort(out.ignored.begin(), out.ignored.end());
    return out;
}

bool has_directory(const std::string& path) {
    const std::string directory = path.substr(0, std::max<std::size_t>(path.rfind('/'), 1));
    return is_there(directory);
}

}  // namespace fd2::settings
