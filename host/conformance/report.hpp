// Outcomes as files for other programs, and as a page for people.
#pragma once

#include <string>
#include <vector>

#include "conformance/run.hpp"

namespace fd2::conformance {

/// fd2.conform/1; see docs/fd2.conform.schema.json. Safe to show on a terminal.
std::string json_report(const std::vector<outcome>& all);

/// fd2.conform-list/1: what each of these checks is.
std::string json_list(const std::vector<const check*>& wanted);

/// JUnit's XML, as CTest, Jenkins and GitLab read it: one suite per backend. Warnings and waivers
/// pass there; their text is in system-out.
std::string junit_report(const std::vector<outcome>& all);

/// The Test Anything Protocol, version 13.
std::string tap_report(const std::vector<outcome>& all);

/// One page, without anything from elsewhere: checks by backends; a cell that failed leads to what
/// was expected and seen, below.
std::string html_report(const std::vector<outcome>& all);

/// The command that runs this check alone.
std::string command_for(const outcome& in, const verdict& checked);

/// "into.ends() == 1: seen 2 == 1 (checks/finish.cpp:42; pipe, polled)"
std::string text_of(const finding& one);

}  // namespace fd2::conformance
