// Where the files of verdict_store.hpp lie, and how they are read and written. Private to
// verdict_store.cpp.
#pragma once

#include <optional>
#include <string>

#include "base/result.hpp"

namespace fd2::channel {

/// The user's directory; empty: unknown, or not to be looked at.
std::string users_store();
/// That for everybody; empty: there is none.
std::string system_store();

/// The content of a file, if nobody else could have written it.
std::optional<std::string> read_record(const std::string& directory, const std::string& name);

/// Replaces it as a whole: in the user's directory, or that for everybody where we are root. The
/// file.
result<std::string> write_record(const std::string& name, const std::string& text);

}  // namespace fd2::channel
