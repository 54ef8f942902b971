// Shell completion.
#pragma once

#include <ostream>
#include <string>

namespace CLI {
class App;
}

namespace fd2::cli {

/// Prints a completion script for bash, zsh or fish, made from the commands and options of `app`,
/// so that it cannot fall behind them. 0, or 2 for another shell.
int completion(const std::string& shell, const CLI::App& app, std::ostream& out);

}  // namespace fd2::cli
