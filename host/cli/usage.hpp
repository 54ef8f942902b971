// What is said to somebody who called fd2 wrongly: what is wrong, and what was probably meant.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace fd2::cli {

/// Of a word that `app` does not know, a command's or an option's (from its '-'):
///
///   unknown command 'rnu'; did you mean 'run'?
///   see 'fd2 --help'
std::string unknown_word(const CLI::App& app, const std::string& word);

/// Of what `app` could not parse, likewise in two lines.
std::string usage_mistake(const CLI::App& app, const CLI::ParseError& why);

}  // namespace fd2::cli
