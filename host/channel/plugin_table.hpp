// What a plugin publishes about itself, translated from the contract's numbers and tables into the
// types that the host uses.
#pragma once

#include <fd2/abi.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "settings/backend_options.hpp"
#include "settings/settings.hpp"

namespace fd2::channel {

/// The FD2_CAP_* bits of these capabilities.
std::uint64_t bits_of(const std::vector<settings::capability>& wanted) noexcept;

/// {"wake", "reopenable"}: the capabilities in `bits`, in the order of the contract.
std::vector<std::string> capability_names(std::uint64_t bits);

/// The reverse: the bits of these names. Unknown ones have none.
std::uint64_t capabilities_named(const std::vector<std::string>& names);

/// "pipe", "socketpair", "tcp", "pty" or "unknown", for an FD2_MEDIUM_*.
std::string_view medium_name(std::uint32_t medium) noexcept;

/// The options of the table as the settings check them.
std::vector<settings::option_rule> rules_of(const fd2_backend& table);

/// Options of a channel, in the contract's shape; owns what `table` points to.
struct option_table {
    std::vector<settings::checked_option> values;
    std::vector<fd2_option> items;
    fd2_options table{};

    /// `given` as a person has written them, held against what the backend `id` publishes.
    static result<std::unique_ptr<option_table>> make(const fd2_backend& publishes,
                                                      std::string_view id,
                                                      const settings::option_map& given);
};

/// One option of the table, for people.
struct described_option {
    std::string name;
    std::string type;     ///< "size", or the words of a choice: "socketpair|tcp|pipe"
    std::string initial;  ///< the default, as a file spells it
    std::string help;
};
std::vector<described_option> describe_options(const fd2_backend& table);

}  // namespace fd2::channel
