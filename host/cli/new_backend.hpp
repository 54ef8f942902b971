// Starts the project of a backend for its author.
#pragma once

#include <string>

namespace fd2::cli {

/// `fd2 new-backend DIR`: writes a project that builds, conforms and may be changed from there: the
/// backend of examples/backend-c (`language` "c") or examples/backend-cpp ("c++") under the name of
/// the directory. DIR is created; one that is not empty is an error. 0 or 1.
int new_backend(const std::string& directory, const std::string& language);

}  // namespace fd2::cli
