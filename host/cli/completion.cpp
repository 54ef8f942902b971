#include "cli/completion.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/environment.hpp"
#include "settings/settings.hpp"

namespace fd2::cli {

namespace {

struct flag {
    std::string name;  ///< "--tail"
    std::string help;
    std::string argument;  ///< "FILE", "DIR", ...; empty: a flag
};

struct command {
    std::string name;
    std::string help;
    std::vector<flag> flags;
    std::vector<std::string> words;  ///< its own subcommands
};

std::vector<flag> flags_of(const CLI::App& app) {
    std::vector<flag> out;
    for (const CLI::Option* option : app.get_options()) {
        for (const auto& name : option->get_lnames()) {
            out.push_back({"--" + name, option->get_description(),
                           option->get_items_expected() == 0 ? "" : option->get_type_name()});
        }
    }
    return out;
}

std::vector<command> commands_of(const CLI::App& app) {
    std::vector<command> out;
    for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
        command one{sub->get_name(), sub->get_description(), flags_of(*sub), {}};
        for (const CLI::App* inner : sub->get_subcommands([](const CLI::App*) { return true; })) {
            one.words.push_back(inner->get_name());
            for (auto& extra : flags_of(*inner)) one.flags.push_back(std::move(extra));
        }
        if (one.name == "completion") one.words = {"bash", "zsh", "fish"};
        out.push_back(std::move(one));
    }
    return out;
}

std::string joined(const std::vector<std::string>& words) {
    std::string out;
    for (const auto& word : words) out += (out.empty() ? "" : " ") + word;
    return out;
}

std::string names(const std::vector<flag>& flags) {
    std::vector<std::string> out;
    for (const auto& one : flags) {
        if (std::find(out.begin(), out.end(), one.name) == out.end()) out.push_back(one.name);
    }
    return joined(out);
}

/// Inside single quotes, for all three shells.
std::string quoted(std::string text) {
    text = text.substr(0, text.find('\n'));
    std::erase(text, '\'');
    std::replace(text.begin(), text.end(), '[', '(');
    std::replace(text.begin(), text.end(), ']', ')');
    std::replace(text.begin(), text.end(), ':', ',');
    return text;
}

void bash(const std::vector<command>& commands, std::ostream& out) {
    std::string words;
    for (const auto& one : commands) words += (words.empty() ? "" : " ") + one.name;
    out << "# bash completion for fd2\n"
           "_fd2() {\n"
           "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} i\n"
           "    COMPREPLY=()\n"
           "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
        << "        COMPREPLY=($(compgen -W '" << words << " --help --version' -- \"$cur\"))\n"
        << "        return\n"
           "    fi\n"
           "    # Behind `--` stands another command: complete as for that one.\n"
           "    for ((i = 2; i < COMP_CWORD; i++)); do\n"
           "        if [ \"${COMP_WORDS[1]}\" = run ] && [ \"${COMP_WORDS[i]}\" = -- ]; then\n"
           "            if declare -F _command_offset >/dev/null; then\n"
           "                _command_offset $((i + 1))\n"
           "            else\n"
           "                COMPREPLY=($(compgen -c -- \"$cur\"))\n"
           "            fi\n"
           "            return\n"
           "        fi\n"
           "    done\n"
           "    case $prev in\n"
           "        --backend) COMPREPLY=($(compgen -W '"
        << joined({std::begin(settings::shipped_backends), std::end(settings::shipped_backends)})
        << "' -- \"$cur\")); return ;;\n"
           "        --forward) COMPREPLY=($(compgen -W 'raw lines lossy off' -- \"$cur\")); return "
           ";;\n"
           "        --transport) COMPREPLY=($(compgen -W 'sync async' -- \"$cur\")); return ;;\n"
           "        --config|--stats|--log|--tail-out) COMPREPLY=($(compgen -f -- \"$cur\")); "
           "return ;;\n"
           "        --plugin-path) COMPREPLY=($(compgen -d -- \"$cur\")); return ;;\n"
           "    esac\n"
           "    case ${COMP_WORDS[1]} in\n";
    for (const auto& one : commands) {
        out << "        " << one.name << ")\n            COMPREPLY=($(compgen -W '"
            << names(one.flags) << (one.words.empty() ? "" : " ") << joined(one.words)
            << "' -- \"$cur\"))\n";
        if (one.name == "run") {
            out << "            [[ $cur == -* ]] || COMPREPLY=($(compgen -c -- \"$cur\"))\n";
        }
        if (one.name == "link") {
            out << "            [[ $cur == -* ]] || COMPREPLY=($(compgen -d -- \"$cur\"))\n";
        }
        out << "            ;;\n";
    }
    out << "    esac\n"
           "    [ \"${COMP_WORDS[1]} $prev\" = 'config check' ] && COMPREPLY=($(compgen -f -- "
           "\"$cur\"))\n"
           "}\n"
           "complete -o filenames -F _fd2 fd2\n";
}

void zsh(const std::vector<command>& commands, std::ostream& out) {
    out << "#compdef fd2\n"
           "_fd2() {\n"
           "    local -a commands\n"
           "    commands=(\n";
    for (const auto& one : commands) {
        out << "        '" << one.name << ":" << quoted(one.help) << "'\n";
    }
    out << "    )\n"
           "    if (( CURRENT == 2 )); then\n"
           "        _describe command commands\n"
           "        return\n"
           "    fi\n"
           "    local command=$words[2]\n"
           "    shift words\n"
           "    (( CURRENT-- ))\n"
           "    case $command in\n";
    for (const auto& one : commands) {
        out << "        " << one.name << ")\n            _arguments -S";
        for (const auto& option : one.flags) {
            out << " \\\n                '" << option.name << '[' << quoted(option.help) << ']';
            if (!option.argument.empty()) {
                const bool path = option.argument == "FILE" || option.argument == "DIR";
                out << ':' << option.argument << ':' << (path ? "_files" : "");
            }
            out << '\'';
        }
        if (one.name == "run") out << " \\\n                '*::command:_normal'";
        if (one.name == "link") out << " \\\n                '*:directory:_files -/'";
        if (!one.words.empty()) {
            out << " \\\n                '1:what:(" << joined(one.words) << ")'"
                << " \\\n                '*:file:_files'";
        }
        out << "\n            ;;\n";
    }
    out << "    esac\n"
           "}\n"
           "_fd2 \"$@\"\n";
}

void fish(const std::vector<command>& commands, std::ostream& out) {
    out << "# fish completion for fd2\n"
           "complete -c fd2 -f\n";
    for (const auto& one : commands) {
        out << "complete -c fd2 -n __fish_use_subcommand -a " << one.name << " -d '"
            << quoted(one.help) << "'\n";
        const std::string when = "-n '__fish_seen_subcommand_from " + one.name + "'";
        for (const auto& option : one.flags) {
            out << "complete -c fd2 " << when << " -l " << option.name.substr(2);
            if (!option.argument.empty()) {
                const bool path = option.argument == "FILE" || option.argument == "DIR";
                out << " -r" << (path ? " -F" : "");
            }
            out << " -d '" << quoted(option.help) << "'\n";
        }
        if (!one.words.empty()) {
            out << "complete -c fd2 " << when << " -a '" << joined(one.words) << "'\n";
        }
        if (one.name == "run") {
            out << "complete -c fd2 " << when << " -a '(__fish_complete_subcommand)'\n";
        }
        if (one.name == "link" || one.name == "config")
            out << "complete -c fd2 " << when << " -F\n";
    }
}

}  // namespace

int completion(const std::string& shell, const CLI::App& app, std::ostream& out) {
    const auto commands = commands_of(app);
    if (shell == "bash") {
        bash(commands, out);
    } else if (shell == "zsh") {
        zsh(commands, out);
    } else if (shell == "fish") {
        fish(commands, out);
    } else {
        complain("completion: '" + shell + "': choose bash, zsh or fish");
        return 2;
    }
    return 0;
}

}  // namespace fd2::cli
