// What was found, one line each, with the way out; and how it is shown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace fd2::cli::doctor {

enum class level : std::uint8_t {
    ok,
    note,     ///< works; somebody may want to know
    warning,  ///< fd2 runs, but something that it is there for is less than it could be
    problem,  ///< a run fails, or captures nothing
};

std::string_view name_of(level) noexcept;

struct finding {
    level how = level::ok;
    std::string subject;  ///< "backend pipe"; what was looked at
    std::string seen;
    std::string advice;  ///< what to do; empty only where nothing is to be done
};

/// A backend that was tried, in numbers.
struct backend_numbers {
    std::string backend;
    bool usable = false;
    std::optional<std::uint64_t> of_lines;   ///< bytes that fit in writes of 80
    std::optional<std::uint64_t> of_blocks;  ///< in writes of 64 KiB
    std::optional<bool> by_name;             ///< a command can open /dev/stderr
};

struct report {
    std::vector<finding> findings;
    std::vector<backend_numbers> backends;
    /// What `fd2 run` would use: the id of a backend, "inherit", or empty where it would fail.
    std::string would_use;

    void add(level how, std::string subject, std::string seen, std::string advice = {}) {
        findings.push_back({how, std::move(subject), std::move(seen), std::move(advice)});
    }
    std::size_t count(level how) const noexcept;
    /// "2 problems, 1 warning; fd2 run would use socketpair".
    std::string summary() const;
};

/// One line a finding, its advice indented below it, the summary at the end. Text of strangers is
/// made safe to show.
void print_text(const report& what, std::ostream& out);

/// Schema fd2.doctor/1 (docs/stats.md).
void print_json(const report& what, std::ostream& out);

}  // namespace fd2::cli::doctor
