// The width of a terminal, colours, and text wrapped to fit.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/terminal_size.hpp"

namespace fd2::cli {

enum class when { automatic, always, never };

/// "auto", "always" or "never".
std::optional<when> parse_when(std::string_view word) noexcept;

enum class ink { plain, bold, dim, red, yellow, green, cyan };

/// How a listing is asked for.
struct output_options {
    bool json = false;
    bool verbose = false;
    when colour = when::automatic;
};

/// Where nothing says how many columns there are.
inline constexpr std::size_t usual_width = 80;

struct screen {
    std::size_t width = 0;  ///< columns; 0: not a terminal, lines may be as long as they are
    bool colour = false;

    /// `text` in this colour, where there are colours.
    std::string paint(ink, std::string_view text) const;
};

/// The columns of the terminal behind `fd`: what COLUMNS says, else the kernel, else 80. 0 if it is
/// not a terminal.
std::size_t width_of(int fd);

/// The size of the terminal that the user sees: that of our stderr, else the controlling terminal.
std::optional<terminal_size> size_of_terminal() noexcept;

/// What our stdout is. Colours: by default on a terminal, unless NO_COLOR is set or TERM is `dumb`.
screen look_at_stdout(when colour);

/// From here on std::cout writes to descriptor 1 itself: nothing else may write to stdout.
void take_stdout();

/// Writes out what std::cout holds. "cannot write to stdout (ENOSPC)" if it, or anything before it,
/// could not be written.
std::optional<std::string> flush_stdout();

/// How many columns `text` takes: its characters, without our own control sequences.
std::size_t columns_of(std::string_view text) noexcept;

/// Appends `text` as a paragraph: its first line goes on at column `column` of the last line of
/// `out`, the others are indented by `indent`; no line is longer than `width` unless a single word
/// is. With width 0 it is one line. No newline at the end.
void append_wrapped(std::string& out, std::string_view text, std::size_t width, std::size_t column,
                    std::size_t indent);

}  // namespace fd2::cli
