#include "cli/usage.hpp"

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "base/plain_text.hpp"
#include "base/text_list.hpp"
#include "cli/link.hpp"
#include "cli/screen.hpp"
#include "process/command_search.hpp"
#include "settings/nearest.hpp"

namespace fd2::cli {
namespace {

constexpr std::size_t example_indent = 2;
// Of help that goes to a file or a pager: people read it there too.
constexpr std::size_t page_width = 100;

/// "fd2", "fd2 config", "fd2 config show".
std::string called(const CLI::App& app) {
    const CLI::App* above = app.get_parent();
    return above ? called(*above) + " " + app.get_name() : "fd2";
}

/// The beginning of a message: nothing for fd2 itself, "config show: " for a command.
std::string place(const CLI::App& app) {
    if (!app.get_parent()) return {};
    return called(app).substr(std::string_view("fd2 ").size()) + ": ";
}

std::string see(const CLI::App& app) {
    return "see '" + called(app) + " --help'";
}

std::vector<std::string> options_of(const CLI::App& app) {
    std::vector<std::string> out;
    for (const CLI::Option* option : app.get_options()) {
        for (const std::string& name : option->get_lnames()) out.push_back("--" + name);
    }
    return out;
}

std::vector<std::string> command_names(const CLI::App& app) {
    std::vector<std::string> out;
    for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
        out.push_back(command->get_name());
    }
    return out;
}

/// "fd2 link [OPTIONS] DIR [NAME...]".
std::string usage_of(const CLI::App& app) {
    std::string out = called(app);
    if (app.get_prefix_command()) return out + " [OPTIONS] -- COMMAND [ARG...]";
    std::string words;
    bool options = false;
    for (const CLI::Option* option : app.get_options()) {
        if (!option->get_positional()) {
            options = options || option != app.get_help_ptr();
            continue;
        }
        const std::string word =
            option->get_type_name() + (option->get_items_expected_max() > 1 ? "..." : "");
        words += option->get_required() ? " " + word : " [" + word + "]";
    }
    if (options) out += " [OPTIONS]";
    if (!command_names(app).empty()) out += " COMMAND";
    return out + words;
}

/// The innermost command that was named.
const CLI::App& innermost(const CLI::App& app) {
    const auto named = app.get_subcommands();
    return named.empty() ? app : innermost(*named.front());
}

/// The command that was left with a word that it does not know; null if none was.
const CLI::App* puzzled(const CLI::App& app) {
    if (!app.remaining().empty()) return &app;
    const auto named = app.get_subcommands();
    return named.empty() ? nullptr : puzzled(*named.front());
}

/// As a shell reads it back.
std::string quoted(std::string_view word) {
    constexpr std::string_view harmless =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=+:,./@%^";
    if (!word.empty() && word.find_first_not_of(harmless) == word.npos) return std::string(word);
    std::string out = "'";
    for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
}

/// The option that the parser's sentence is about: it begins with its name, dashes or not.
const CLI::Option* blamed(const CLI::App& app, std::string_view sentence) {
    sentence.remove_prefix(std::min(sentence.find_first_not_of('-'), sentence.size()));
    for (const CLI::Option* option : app.get_options()) {
        std::string name = option->get_name();
        name.erase(0, name.find_first_not_of('-'));
        if (sentence.starts_with(name + ":") || sentence.starts_with(name + " ")) return option;
    }
    return nullptr;
}

/// The mistake in our words: the parser's own speak of types and counts that users do not know.
std::string wrong(const CLI::App& app, CLI::ExitCodes code, const std::string& sentence) {
    const CLI::Option* const option = blamed(app, sentence);
    if (option && option->get_positional()) {
        return option->get_type_name() + " is missing; write: " + usage_of(app);
    }
    if (option && option->get_items_expected_max() == 0)
        return option->get_name() + " takes no value";
    if (option && code == CLI::ExitCodes::ArgumentMismatch) {
        return option->get_name() + " needs a value; write: " + option->get_name() + " " +
               option->get_type_name();
    }
    if (code == CLI::ExitCodes::RequiredError) {
        return "no command; write: " + called(app) + " " + join(command_names(app), " | ");
    }
    if (code == CLI::ExitCodes::ValidationError) return sentence;  // of a check of our own
    return "invalid command line: " + sentence;
}

// --- help

/// `text` in lines of at most `width`, broken as a shell allows it.
std::string shell_lines(std::string_view text, std::size_t width, std::size_t indent,
                        std::size_t deeper) {
    constexpr char quoted_blank = '\x01';
    std::string unbroken;
    bool inside = false;
    for (const char c : text) {
        if (c == '\'') inside = !inside;
        unbroken += inside && c == ' ' ? quoted_blank : c;
    }
    std::string lines;
    append_wrapped(lines, unbroken, width - 2, indent, deeper);
    std::string out(indent, ' ');
    for (const char c : lines) {
        if (c == '\n') out += " \\";
        out += c == quoted_blank ? ' ' : c;
    }
    return out;
}

/// The footers are laid out for a wide page: paragraphs, and examples ("  COMMAND   what it is
/// for", or the latter alone in a line below). Narrower than that, an example has a line for each
/// part.
std::string laid_out(const std::string& text, std::size_t width) {
    std::string out;
    std::string paragraph;
    const auto end_paragraph = [&] {
        if (paragraph.empty()) return;
        append_wrapped(out, paragraph, width, 0, 0);
        out += '\n';
        paragraph.clear();
    };
    for (std::size_t start = 0; start < text.size();) {
        const std::size_t end = std::min(text.find('\n', start), text.size());
        const std::string line = text.substr(start, end - start);
        start = end + 1;
        if (!line.starts_with(' ') && !line.empty()) {
            paragraph += (paragraph.empty() ? "" : " ") + line;
            if (line.ends_with(':')) end_paragraph();
            continue;
        }
        end_paragraph();
        if (columns_of(line) <= width) {
            out += line + '\n';
            continue;
        }
        const std::size_t first = line.find_first_not_of(' ');
        const std::size_t gap = line.find("  ", first);
        const std::size_t rest = line.find_first_not_of(' ', gap);
        if (first == example_indent) {
            out += shell_lines(line.substr(first, gap == line.npos ? gap : gap - first), width,
                               first, 2 * first) +
                   '\n';
        }
        const std::size_t comment = first == example_indent ? rest : first;
        if (comment == line.npos) continue;
        out.append(3 * example_indent, ' ');
        append_wrapped(out, line.substr(comment), width, 3 * example_indent, 3 * example_indent);
        out += '\n';
    }
    end_paragraph();
    return out;
}

class help final : public CLI::Formatter {
  public:
    std::string make_help(const CLI::App* app, std::string, CLI::AppFormatMode) const override {
        const screen terminal = look_at_stdout(when::never);
        const std::size_t width = terminal.width == 0 ? page_width : terminal.width;
        std::string out;
        append_wrapped(out, app->get_description(), width, 0, 0);
        out += "\n\nUsage: ";
        append_wrapped(out, usage_of(*app), width, std::string_view("Usage: ").size(), 4);
        out += '\n';
        std::vector<entry> words;
        std::vector<entry> options;
        for (const CLI::Option* option : app->get_options()) {
            if (option->get_positional()) {
                words.push_back({option->get_type_name(), option->get_description()});
                continue;
            }
            std::string name = option->get_name(false, true);
            for (std::size_t at = 0; (at = name.find(",-", at)) != name.npos; ++at) {
                name.insert(at + 1, " ");
            }
            if (option->get_items_expected_max() != 0) name += " " + option->get_type_name();
            options.push_back({name, option->get_description()});
        }
        std::vector<entry> commands;
        for (const CLI::App* command :
             app->get_subcommands([](const CLI::App* sub) { return !sub->get_name().empty(); })) {
            commands.push_back({command->get_name(), command->get_description()});
        }
        add(out, "Arguments:", words, width);
        add(out, "Commands:", commands, width);
        add(out, "Options:", options, width);
        if (!app->get_footer().empty()) out += '\n' + laid_out(app->get_footer(), width);
        return out;
    }

  private:
    struct entry {
        std::string name;
        std::string text;
    };

    static void add(std::string& out, const char* title, const std::vector<entry>& all,
                    std::size_t width) {
        if (all.empty()) return;
        out.append("\n").append(title).append("\n");
        std::size_t column = 0;
        for (const entry& row : all) column = std::max(column, row.name.size() + 4);
        const bool narrow = column > width / 2;
        if (narrow) column = 3 * example_indent;
        for (const entry& row : all) {
            out.append(example_indent, ' ').append(row.name);
            if (narrow) {
                out.append(1, '\n').append(column, ' ');
            } else {
                out.append(column - example_indent - row.name.size(), ' ');
            }
            append_wrapped(out, row.text, width, column, column);
            out += '\n';
        }
    }
};

}  // namespace

std::shared_ptr<CLI::FormatterBase> help_formatter() {
    return std::make_shared<help>();
}

std::string place_of_call(const CLI::App& app) {
    return place(innermost(app));
}

std::string unknown_word(const CLI::App& app, const std::string& word) {
    const bool option = word.starts_with('-');
    const std::string shown = option ? word.substr(0, word.find('=')) : word;
    const std::vector<std::string> known = option ? options_of(app) : command_names(app);
    std::string out = place(app);
    out += option ? "unknown option '" : known.empty() ? "unexpected word '" : "unknown command '";
    out += plain(shown) + "'";
    const std::vector<std::string_view> candidates(known.begin(), known.end());
    if (const auto meant = settings::nearest(shown, candidates)) {
        out.append("; did you mean '").append(*meant).append("'?");
    }
    return out + "\n" + see(app);
}

std::string meant_to_run(std::span<const char* const> words) {
    if (words.empty() || *words.front() == '-') return {};
    const auto found = process::command_candidates(words.front(), std::getenv("PATH"));
    if (std::none_of(found.begin(), found.end(), is_executable)) return {};
    std::string command;
    for (const char* const word : words) command += ' ' + quoted(word);
    std::string out = "'";
    append_plain(out, words.front());
    out += "' is not an fd2 command; to run it: fd2 run --";
    append_plain(out, command);
    return out;
}

std::string usage_mistake(const CLI::App& app, const CLI::ParseError& why) {
    const auto code = static_cast<CLI::ExitCodes>(why.get_exit_code());
    // A command that is missing may be one that is misspelt.
    if (code == CLI::ExitCodes::ExtrasError || code == CLI::ExitCodes::RequiredError) {
        if (const CLI::App* const at = puzzled(app)) {
            return unknown_word(*at, at->remaining().front());
        }
    }
    const CLI::App& at = innermost(app);
    return place(at) + wrong(at, code, plain(why.what())) + "\n" + see(at);
}

}  // namespace fd2::cli
