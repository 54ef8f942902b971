// Text for people, on pages of the terminal's width: lines, tables and named paragraphs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/screen.hpp"

namespace fd2::cli {

/// One column of a table, printable, and cut where it is long.
std::string cell(std::string_view value);

class page {
  public:
    /// 80 columns where `shown` has no width.
    explicit page(const screen& shown);

    void line(std::string_view text, ink colour = ink::plain);
    void heading(std::string_view text);

    /// A paragraph beside its name. A word longer than a line is broken.
    void field(std::string_view name, std::string_view text);

    using cells = std::vector<std::string>;

    /// The first row has the titles; the first `numbers` columns are numbers. The last column is
    /// wrapped.
    void rows(const std::vector<cells>& all, std::size_t numbers);

    std::string take() { return std::move(text_); }

  private:
    screen shown_;
    std::string text_;
};

}  // namespace fd2::cli
