// What the layers are laid into: the values so far, where each came from, and what was wrong.
// Private to the room.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "settings/convert.hpp"
#include "settings/keys.hpp"
#include "settings/settings.hpp"

namespace fd2::settings {

/// A backend that somebody named; whether it exists is asked once, at the end.
struct mention {
    std::string backend;
    std::string key;
    origin at;
};

/// [one thread]
class assembly {
  public:
    assembly() : origins(keys().size()) {}

    /// Sets a key that is not a list, or reports why not.
    void assign(const key_info& key, const scalar& from);

    /// Sets a list. `at` is where the list stands, each item knows its own place; `append` adds to
    /// what the same layer already said. `shown` is what a mistake is told of, if not the key.
    /// False if there was one; the key is then as it was.
    bool assign(const key_info& key, const std::vector<scalar>& items, const origin& at,
                bool append = false, std::string_view shown = {});

    /// Sets options.BACKEND.OPTION; `key_at` is the place of the option's name.
    void assign_option(std::string_view backend, std::string_view option, const scalar& from,
                       const origin& backend_at, const origin& key_at);

    settings values;
    std::vector<origin> origins;  ///< parallel to keys()
    std::vector<mention> mentions;
    report found;
};

}  // namespace fd2::settings
