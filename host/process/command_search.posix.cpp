#include "process/command_search.hpp"

#include <unistd.h>

namespace fd2::process {
namespace {

std::string default_path() {
    std::string path(::confstr(_CS_PATH, nullptr, 0), '\0');
    if (path.empty()) return "/bin:/usr/bin";
    ::confstr(_CS_PATH, path.data(), path.size());
    path.pop_back();  // the terminating zero was counted
    return path;
}

}  // namespace

std::vector<std::string> command_candidates(std::string_view command, const char* path) {
    std::vector<std::string> found;
    if (command.empty()) return found;
    if (command.find('/') != std::string_view::npos) {
        found.emplace_back(command);
        return found;
    }
    const std::string list = path ? std::string(path) : default_path();
    for (std::size_t start = 0;;) {
        const std::size_t end = list.find(':', start);
        std::string file = list.substr(start, end == std::string::npos ? end : end - start);
        if (!file.empty()) file += '/';
        found.push_back(file.append(command));
        if (end == std::string::npos) return found;
        start = end + 1;
    }
}

std::string_view command_base(std::string_view path) noexcept {
    return path.substr(path.rfind('/') + 1);
}

}  // namespace fd2::process
