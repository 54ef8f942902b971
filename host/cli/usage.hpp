// Help, and messages about wrong calls.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <span>
#include <string>

namespace fd2::cli {

/// The help of a command, as wide as the terminal that it is printed on.
std::shared_ptr<CLI::FormatterBase> help_formatter();

/// "config show: ": how a message about the command that was called begins.
std::string place_of_call(const CLI::App& app);

/// "unknown command 'doctro'; did you mean 'doctor'?": a word that `app` does not know, with the
/// nearest one that it does, and where to read on.
std::string unknown_word(const CLI::App& app, const std::string& word);

/// "'ssh' is not an fd2 command; to run it: fd2 run -- ssh host", if the first of these words is a
/// program on PATH; else empty.
std::string meant_to_run(std::span<const char* const> words);

/// What is wrong with a call that could not be parsed, and where to read on.
std::string usage_mistake(const CLI::App& app, const CLI::ParseError& why);

}  // namespace fd2::cli
