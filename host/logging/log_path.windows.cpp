#include "logging/log_path.hpp"
#include "base/files.hpp"

namespace fd2::logging {

// Links there are made by those who may replace the file as well (a privilege): they are followed.
result<log_path> resolve_log_path(const std::string& path) {
    log_path out;
    out.name = absolute(path);
    return out;
}

}  // namespace fd2::logging
