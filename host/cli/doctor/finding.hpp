// What was found, with advice; and how it is shown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "cli/screen.hpp"

namespace fd2::cli::doctor {

enum class level : std::uint8_t {
    ok,
    note,     ///< works; somebody may want to know
    warning,  ///< fd2 runs, but does its job less well than it could
    problem,  ///< a run fails, or captures nothing
};

std::string_view name_of(level) noexcept;

struct finding {
    level how = level::ok;
    std::string subject;  ///< "backend pipe"; what was looked at
    std::string seen;
    std::string advice;  ///< what to do; empty only if there is nothing to do
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
    /// Something ends every run with status 125, whatever backend it would use.
    bool run_fails = false;
    /// Messages of the failures that have a finding: none gets a second one.
    std::vector<std::string> said;

    /// Gets each finding when it is made.
    std::function<void(const finding&)> watch;

    void add(level how, std::string subject, std::string seen, std::string advice = {}) {
        findings.push_back({how, std::move(subject), std::move(seen), std::move(advice)});
        if (watch) watch(findings.back());
    }
    /// A problem that ends every run with status 125.
    void add_fatal(std::string subject, std::string seen, std::string advice) {
        run_fails = true;
        add(level::problem, std::move(subject), std::move(seen), std::move(advice));
    }
    std::size_t count(level how) const noexcept;
    /// `would_use`, or empty where every run fails.
    const std::string& outcome() const noexcept;
    /// "2 problems, 1 warning; fd2 run would use socketpair".
    std::string summary() const;
};

/// One paragraph a finding, its advice indented below it, and the summary at the end. What is wrong
/// comes first, and as soon as it is known; then the notes, then, if `verbose`, what is ok.
/// Untrusted text is escaped.
class text_printer {
  public:
    text_printer(const screen& terminal, bool verbose, std::ostream& out)
        : terminal_(terminal), verbose_(verbose), out_(out) {}

    /// Prints problems and warnings, and flushes. The others have time.
    void see(const finding& one);
    /// Prints the rest of what was seen.
    void end(const report& result);

  private:
    void print(const finding& one);

    screen terminal_;
    bool verbose_;
    std::ostream& out_;
};

/// Schema fd2.doctor/1 (docs/stats.md).
void print_json(const report& result, std::ostream& out);

}  // namespace fd2::cli::doctor
