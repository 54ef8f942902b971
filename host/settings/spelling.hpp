// Values back into YAML, so that what is shown can be read again.
#pragma once

#include <string>
#include <string_view>

#include "settings/keys.hpp"

namespace fd2::settings {

/// `v` as it stands behind `key: ` in a file: `64KiB`, `[socketpair, pipe]`, `"remote: "`.
std::string yaml_of(const key_info& key, const value& v);

/// The same for an option of a backend.
std::string yaml_of(const raw_option& option);

/// `text` plain if every YAML reader takes that for the same text, otherwise in double quotes.
std::string yaml_text(std::string_view text);

}  // namespace fd2::settings
