#include "cli/page.hpp"

#include <algorithm>

#include "base/plain_text.hpp"

namespace fd2::cli {
namespace {

constexpr std::size_t longest_cell = 24;
constexpr std::size_t row_indent = 2;
constexpr std::size_t name_width = 12;

/// `text` with a blank wherever a word would not fit into `width` columns.
std::string with_breaks(std::string_view text, std::size_t width) {
    std::string out;
    for (std::size_t columns = 0; !text.empty();) {
        const std::size_t size = decode_utf8(text).size;
        columns = text.front() == ' ' ? 0 : columns + 1;
        if (columns > width) {
            out += ' ';
            columns = 1;
        }
        out += text.substr(0, size);
        text.remove_prefix(size);
    }
    return out;
}

}  // namespace

std::string cell(std::string_view value) {
    std::string text = plain(value);
    if (columns_of(text) <= longest_cell) return text;
    std::string_view rest = text;
    for (std::size_t i = 0; i < longest_cell - 3; ++i) {
        rest.remove_prefix(decode_utf8(rest).size);
    }
    text.resize(text.size() - rest.size());
    return text + "...";
}

page::page(const screen& shown) : shown_(shown) {
    if (shown_.width == 0) shown_.width = usual_width;
}

void page::line(std::string_view text, ink colour) {
    std::string out;
    append_wrapped(out, plain(text), shown_.width, 0, row_indent);
    text_ += shown_.paint(colour, out) + '\n';
}

void page::heading(std::string_view text) {
    text_ += '\n';
    line(text, ink::bold);
}

void page::field(std::string_view name, std::string_view text) {
    text_ += shown_.paint(ink::dim, name);
    text_.append(name_width - std::min(name_width, columns_of(name)), ' ');
    append_wrapped(text_, with_breaks(plain(text), shown_.width - name_width), shown_.width,
                   name_width, name_width);
    text_ += '\n';
}

void page::rows(const std::vector<cells>& all, std::size_t numbers) {
    std::vector<std::size_t> widths(all.front().size());
    for (const cells& row : all) {
        for (std::size_t i = 0; i + 1 < row.size(); ++i) {
            widths[i] = std::max(widths[i], columns_of(row[i]));
        }
    }
    for (const cells& row : all) {
        std::string out(row_indent, ' ');
        for (std::size_t i = 0; i + 1 < row.size(); ++i) {
            const std::string gap(widths[i] - columns_of(row[i]), ' ');
            out += (i < numbers ? gap + row[i] : row[i] + gap) + "  ";
        }
        const std::size_t column = columns_of(out);
        append_wrapped(out, plain(row.back()), shown_.width, column, column);
        while (out.ends_with(' ')) out.pop_back();
        text_ += (&row == &all.front() ? shown_.paint(ink::dim, out) : out) + '\n';
    }
}

}  // namespace fd2::cli
