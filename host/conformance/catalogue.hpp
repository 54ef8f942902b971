// The checks there are: what each is called, what it proves and how.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fd2::conformance {

enum class level {
    must,         ///< a rule of the contract: a backend that fails it does not conform
    should,       ///< advice: a failure is a warning
    performance,  ///< a ratio against another reader in the same run: a failure is a warning
};
std::string_view name_of(level grade) noexcept;

/// One check. `id` is a group's letter and a number; it keeps its meaning for ever.
struct check {
    std::string id;
    level grade = level::must;
    std::vector<std::string> rules;  ///< of docs/abi.md: "B1"
    std::string title;               ///< what holds
    std::string how;                 ///< how the check knows, without asking the backend
    struct absence {
        std::string reason;
        std::string medium;  ///< of the backends that this is about; empty: all
    };
    std::vector<absence> absences;  ///< why it judges nothing on this platform

    /// Why it judges nothing of a backend with this medium; null: it does.
    const std::string* absent_for(std::string_view medium) const;
};

/// A group of checks: the letter their ids begin with.
struct group {
    char letter;
    std::string_view title;
};
const std::vector<group>& groups();

/// All of them, by group and number. Made before main begins.
const std::vector<check>& checks();

/// Null: there is none of this name. "describe", which comes before all, is none of checks().
const check* find_check(std::string_view id);

/// Registers a check; see CHECK_CASE.
struct registered {
    registered(const char* id, level grade, const char* rules, const char* title, const char* how);
};

/// Says of checks, known here or not, that they judge nothing on this platform. `ids`: "S01 S02";
/// `medium`: "tcp". `applies`: whether that is so at all.
struct absent {
    absent(const char* ids, const char* reason, const char* medium = "", bool applies = true);
};

}  // namespace fd2::conformance
