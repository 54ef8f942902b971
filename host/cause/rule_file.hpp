// Rules of the user: a file like config/causes.yaml, or a directory of such files.
#pragma once

#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cause/rule.hpp"
#include "settings/origin.hpp"

namespace fd2::cause {

/// Rules, with the text that they refer to. Movable; the rules stay where they are.
class rule_file {
  public:
    rule_file() = default;
    rule_file(rule_file&&) = default;
    rule_file& operator=(rule_file&&) = default;

    /// Adds the rules of a YAML text. What is wrong is in `found`, with line and column; a rule
    /// with a mistake is left out, the others are taken.
    void read(std::string_view text, const std::string& file, settings::report& found);

    /// Adds those of a file, or of all *.yaml in a directory, in the order of their names. Only
    /// files are read that nobody but root and we can have written.
    void load(const std::string& path, settings::report& found);

    std::span<const rule> rules() const noexcept { return rules_; }

  private:
    friend class rule_reader;

    void load_file(const std::string& path, settings::report& found);

    std::deque<std::string> texts_;
    std::deque<std::vector<std::string_view>> patterns_;
    std::deque<std::vector<status_range>> statuses_;
    std::vector<rule> rules_;
};

/// The rules as a file has them: what `read` takes.
std::string yaml_of(std::span<const rule> rules);

}  // namespace fd2::cause
