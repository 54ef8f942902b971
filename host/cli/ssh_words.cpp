#include "cli/ssh_words.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

#include "process/command_search.hpp"

namespace fd2::cli {

namespace {

// ssh(1), OpenSSH 9.2 and what later versions have added: the options with an argument.
constexpr std::string_view takes_argument = "BbcDEeFIiJLlmOoPpQRSWw";

constexpr std::string_view blanks = " \t\r\n\f";

constexpr char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool equal(std::string_view left, std::string_view right) noexcept {
    return left.size() == right.size() &&
           std::equal(left.begin(), left.end(), right.begin(),
                      [](char a, char b) { return lower(a) == lower(b); });
}

void drop_blanks(std::string_view& text) noexcept {
    text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
}

/// The next word of an `-o` argument: quoted, or up to a blank or `=`.
std::string_view take_word(std::string_view& text) noexcept {
    drop_blanks(text);
    const bool quoted = text.starts_with('"');
    if (quoted) text.remove_prefix(1);
    const std::size_t end = quoted ? text.find('"') : text.find_first_of(" \t\r\n\f=");
    const std::string_view word = text.substr(0, end);
    text.remove_prefix(std::min(word.size() + (quoted ? 1 : 0), text.size()));
    return word;
}

/// What `-o TEXT` says about going to the background, if anything.
std::optional<bool> forks(std::string_view text) noexcept {
    if (!equal(take_word(text), "ForkAfterAuthentication")) return std::nullopt;
    drop_blanks(text);
    if (text.starts_with('=')) text.remove_prefix(1);
    const std::string_view value = take_word(text);
    if (equal(value, "yes") || equal(value, "true")) return true;
    if (equal(value, "no") || equal(value, "false")) return false;
    return std::nullopt;  // ssh refuses it
}

/// Reads options as getopt(3) does: up to the first word that is none.
class option_reader {
  public:
    void read(std::span<const std::string>& words) {
        while (!words.empty()) {
            const std::string_view word = words.front();
            if (word.size() < 2 || word[0] != '-') return;
            words = words.subspan(1);
            if (word == "--") {
                over_ = true;
                return;
            }
            read_cluster(word.substr(1), words);
        }
    }

    /// After `--` there are no more options.
    bool over() const noexcept { return over_; }
    bool goes_to_background() const noexcept { return f_ || said_.value_or(false); }

  private:
    void read_cluster(std::string_view letters, std::span<const std::string>& rest) {
        for (std::size_t i = 0; i < letters.size(); ++i) {
            f_ = f_ || letters[i] == 'f';
            if (takes_argument.find(letters[i]) == takes_argument.npos) continue;
            std::string_view argument = letters.substr(i + 1);
            if (argument.empty() && !rest.empty()) {
                argument = rest.front();
                rest = rest.subspan(1);
            }
            if (letters[i] == 'o' && !said_) said_ = forks(argument);
            return;
        }
    }

    bool f_ = false;
    std::optional<bool> said_;
    bool over_ = false;
};

/// The host of what stands behind `ssh://`, as parse_uri() of OpenSSH takes it apart: a user (and
/// after a semicolon, parameters) up to `@`, a host, perhaps in brackets, a port. Empty: no host.
std::string_view host_of_uri(std::string_view text) noexcept {
    if (const auto at = text.find('@'); at != text.npos) {
        if (at == 0 || text.front() == ';') return {};
        text.remove_prefix(at + 1);
    }
    if (text.starts_with('[')) {
        const auto end = text.find(']');
        return end == text.npos ? std::string_view() : text.substr(1, end - 1);
    }
    return text.substr(0, text.find_first_of(":/"));
}

}  // namespace

std::string_view command_name(std::span<const std::string> command) noexcept {
    if (command.empty()) return {};
    return process::command_base(command.front());
}

bool is_ssh(std::span<const std::string> command) noexcept {
    return command_name(command) == "ssh";
}

bool goes_to_background(std::span<const std::string> command) {
    if (!is_ssh(command)) return false;
    option_reader options;
    std::span<const std::string> words = command.subspan(1);
    options.read(words);
    // Behind the host stand options again, up to the remote command.
    if (!words.empty() && !options.over()) {
        words = words.subspan(1);
        options.read(words);
    }
    return options.goes_to_background();
}

std::optional<std::string> remote_host(std::span<const std::string> command) {
    if (!is_ssh(command)) return std::nullopt;
    std::span<const std::string> words = command.subspan(1);
    option_reader().read(words);
    if (words.empty()) return std::nullopt;
    constexpr std::string_view scheme = "ssh://";
    std::string_view host = words.front();
    if (host.starts_with(scheme)) {
        host = host_of_uri(host.substr(scheme.size()));
    } else if (const auto at = host.rfind('@'); at != host.npos) {
        host = at == 0 ? std::string_view() : host.substr(at + 1);
    }
    if (host.empty()) return std::nullopt;
    return std::string(host);
}

}  // namespace fd2::cli
