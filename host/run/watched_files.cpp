#include "run/watched_files.hpp"

#include "base/files.hpp"
#include "channel/plugin_files.hpp"

namespace fd2::runs {

std::vector<std::string> files_to_watch(const std::vector<settings::looked_for>& searched,
                                        const std::vector<channel::directory>& directories,
                                        const std::vector<std::string>& backends) {
    std::vector<std::string> out;
    for (const auto& one : searched) {
        out.push_back(absolute(one.path));
        if (one.path.ends_with(".yaml")) out.push_back(out.back() + ".d");
    }
    for (const std::string& name : backends) {
        if (is_absolute(name)) out.push_back(name);
        for (const auto& directory : directories) {
            if (!is_absolute(name))
                out.push_back(directory.path + "/" + name + std::string(channel::plugin_suffix));
        }
    }
    return out;
}

}  // namespace fd2::runs
