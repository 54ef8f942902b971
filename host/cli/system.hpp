// What the command asks of the system it runs on.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/terminal_size.hpp"

namespace fd2::cli {

/// The arguments of main, in UTF-8.
std::vector<std::string> words_of(int argc, char** argv);

/// Sets a variable of our own environment, which the command inherits. [one thread]
void set_variable(const std::string& name, const std::string& value);

/// "", or ".exe".
extern const std::string_view program_suffix;

/// What machine-id(5) says, or where that is not set up, the host name.
std::string name_of_machine();

/// The user who runs us; the number in decimal where there is no name.
std::string name_of_user();

bool is_terminal(int fd) noexcept;
std::optional<terminal_size> size_of(int terminal) noexcept;
/// Of the terminal that belongs to our session.
std::optional<terminal_size> size_of_own_terminal() noexcept;

/// Whether it shows colours and not their control sequences.
bool takes_colours(int terminal) noexcept;

/// On our stderr, if that can be written without waiting.
void say_at_once(std::string_view text) noexcept;

/// Without exit handlers.
[[noreturn]] void leave_at_once(int status) noexcept;

}  // namespace fd2::cli
