#include "cli/screen.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <iostream>
#include <streambuf>

#include "base/failure.hpp"
#include "base/files.hpp"
#include "base/plain_text.hpp"
#include "cli/system.hpp"
#include "process/standard_fds.hpp"

namespace fd2::cli {

namespace {

// Narrower than this nothing can be laid out, and a width of 0 or 1 is a terminal that does not
// know.
constexpr std::size_t least_width = 20;

std::string_view variable(const char* name) {
    const char* const value = std::getenv(name);
    return value ? value : "";
}

/// Descriptor 1, behind std::cout. The C library's buffer forgets why a write failed.
class stdout_buffer final : public std::streambuf {
  public:
    stdout_buffer() { setp(bytes_.data(), bytes_.data() + bytes_.size()); }
    int error() const noexcept { return error_; }

  protected:
    int_type overflow(int_type next) override {
        if (sync() != 0) return traits_type::eof();
        if (!traits_type::eq_int_type(next, traits_type::eof())) {
            sputc(traits_type::to_char_type(next));
        }
        return traits_type::not_eof(next);
    }
    int sync() override {
        const std::string_view held(pbase(), static_cast<std::size_t>(pptr() - pbase()));
        setp(bytes_.data(), bytes_.data() + bytes_.size());
        if (!held.empty() && error_ == 0) {
            const auto good = write_all(process::standard_descriptor(1), held);
            if (!good) error_ = good.error().sys_errno;
        }
        return error_ == 0 ? 0 : -1;
    }

  private:
    std::array<char, 4096> bytes_;
    int error_ = 0;
};

/// Never destroyed: std::cout is flushed after everything else.
stdout_buffer& our_stdout() {
    static auto* const out = new stdout_buffer;
    return *out;
}

}  // namespace

std::size_t width_of(int fd) {
    if (!is_terminal(fd)) return 0;
    const std::string_view said = variable("COLUMNS");
    std::size_t width = 0;
    const auto [stop, failed] = std::from_chars(said.data(), said.data() + said.size(), width);
    const bool number = failed == std::errc() && stop == said.data() + said.size();
    if (number && width >= least_width) return width;
    const auto size = size_of(fd);
    return size && size->columns >= least_width ? size->columns : usual_width;
}

std::optional<terminal_size> size_of_terminal() noexcept {
    if (const auto size = size_of(process::standard_descriptor(2))) return size;
    return size_of_own_terminal();
}

std::optional<when> parse_when(std::string_view word) noexcept {
    if (word == "auto") return when::automatic;
    if (word == "always") return when::always;
    if (word == "never") return when::never;
    return std::nullopt;
}

std::string screen::paint(ink which, std::string_view text) const {
    static constexpr const char* codes[] = {"", "1", "2", "31", "33", "32", "36"};
    if (!colour || which == ink::plain) return std::string(text);
    std::string out = "\033[";
    out.append(codes[static_cast<std::size_t>(which)]).append("m").append(text).append("\033[0m");
    return out;
}

screen look_at_stdout(when colour) {
    screen out;
    const int fd = process::standard_descriptor(1);
    out.width = width_of(fd);
    out.colour = colour == when::always || (colour == when::automatic && out.width != 0 &&
                                            variable("NO_COLOR").empty() && takes_colours(fd));
    return out;
}

void take_stdout() {
    std::cout.rdbuf(&our_stdout());
}

std::optional<std::string> flush_stdout() {
    std::cout.flush();
    const int error = our_stdout().error();
    if (error == 0) return std::nullopt;
    return "cannot write to stdout (" + errno_name(error) + ")";
}

std::size_t columns_of(std::string_view text) noexcept {
    std::size_t columns = 0;
    while (!text.empty()) {
        if (text.starts_with("\033[")) {
            text.remove_prefix(std::min(text.find('m'), text.size() - 1) + 1);
            continue;
        }
        text.remove_prefix(decode_utf8(text).size);
        ++columns;
    }
    return columns;
}

void append_wrapped(std::string& out, std::string_view text, std::size_t width, std::size_t column,
                    std::size_t indent) {
    if (width == 0) {
        out += text;
        return;
    }
    bool fresh = true;  // nothing of ours on this line yet
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        const std::string_view word = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        const std::size_t size = columns_of(word);
        if (!fresh && column + 1 + size > width) {
            out.append(1, '\n').append(indent, ' ');
            column = indent;
            fresh = true;
        }
        if (!fresh) {
            out += ' ';
            ++column;
        }
        out += word;
        column += size;
        fresh = false;
    }
}

}  // namespace fd2::cli
