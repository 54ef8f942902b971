#include "cli/completion.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string_view>
#include <vector>

#include "base/text_list.hpp"
#include "cli/environment.hpp"
#include "settings/keys.hpp"

namespace fd2::cli {

namespace {

struct flag {
    std::string name;  ///< "--tail"
    std::string help;
    std::string argument;  ///< "FILE", "DIR", ...; empty: a flag
};

/// The words that may follow `--set KEY=`; empty: anything.
struct key_words {
    std::string name;
    std::string values;  ///< separated by blanks
    bool list = false;   ///< several, with commas
    bool file = false;   ///< a path
};

std::string backend_names() {
    return join(settings::shipped_backends, " ");
}

/// Every key that --set knows, from the table of keys.
std::vector<key_words> keys_of_set() {
    std::vector<key_words> out = {{"backends", backend_names(), true}};
    for (const settings::key_info& key : settings::keys()) {
        key_words entry{std::string(key.name), join(key.choices, " "), key.is_list()};
        entry.file = key.type == settings::key_type::file;
        if (entry.file) entry.values.clear();  // its placeholders
        if (key.type == settings::key_type::boolean) entry.values = "true false";
        if (key.type == settings::key_type::backends) entry.values = backend_names();
        out.push_back(std::move(entry));
    }
    return out;
}

/// The words that an option takes, where they are known.
std::string words_of(const flag& option) {
    const auto choices = [](const char* key) {
        return join(settings::find_key(key)->choices, " ");
    };
    if (option.name == "--backend") return backend_names();
    if (option.name == "--transport") return choices("transport");
    if (option.name == "--forward") return choices("forward.mode");
    if (option.name == "--language") return "c c++";
    if (option.name == "--color") return "auto always never";
    return {};
}

bool is_file(const flag& option) {
    return option.argument == "FILE";
}

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
        command subcommand{sub->get_name(), sub->get_description(), flags_of(*sub), {}};
        for (const CLI::App* inner : sub->get_subcommands([](const CLI::App*) { return true; })) {
            subcommand.words.push_back(inner->get_name());
            for (auto& extra : flags_of(*inner)) subcommand.flags.push_back(std::move(extra));
        }
        if (subcommand.name == "completion") subcommand.words = {"bash", "zsh", "fish"};
        if (subcommand.name == "plugins") subcommand.words = {backend_names()};
        out.push_back(std::move(subcommand));
    }
    return out;
}

/// Whether its arguments are pids of running hosts.
bool takes_pids(const command& subcommand) {
    return subcommand.name == "ps" || subcommand.name == "tail" || subcommand.name == "swap" ||
           subcommand.name == "reload";
}

/// The shell's words for the pids that run now; a quote is not among them.
constexpr const char* running_pids =
    "fd2 ps 2>/dev/null | sed -n \"s/^ *\\([0-9][0-9]*\\) .*/\\1/p\"";

std::string names(const std::vector<flag>& flags) {
    std::vector<std::string> out;
    for (const auto& option : flags) {
        if (std::find(out.begin(), out.end(), option.name) == out.end()) out.push_back(option.name);
    }
    return join(out, " ");
}

/// Inside single quotes, for all three shells.
std::string in_quotes(std::string text) {
    text = text.substr(0, text.find('\n'));
    std::erase(text, '\'');
    std::replace(text.begin(), text.end(), '[', '(');
    std::replace(text.begin(), text.end(), ']', ')');
    std::replace(text.begin(), text.end(), ':', ',');
    return text;
}

/// The options with an argument, each once.
std::vector<flag> with_argument(const std::vector<command>& commands) {
    std::vector<flag> out;
    for (const auto& subcommand : commands) {
        for (const auto& option : subcommand.flags) {
            const bool known = std::any_of(out.begin(), out.end(), [&](const flag& other) {
                return other.name == option.name;
            });
            if (!option.argument.empty() && !known) out.push_back(option);
        }
    }
    return out;
}

void bash(const std::vector<command>& commands, std::ostream& out) {
    std::vector<std::string_view> command_names;
    for (const auto& subcommand : commands) command_names.push_back(subcommand.name);
    const std::string words = join(command_names, " ");
    const auto keys = keys_of_set();
    std::vector<std::string_view> names_of_keys;
    for (const auto& key : settings::keys()) names_of_keys.push_back(key.name);
    const std::string key_names = join(names_of_keys, " ");
    out << "# bash completion for fd2\n"
           "_fd2_value() {  # KEY: the words that it takes\n"
           "    case $1 in\n";
    for (const auto& key : keys) {
        if (!key.values.empty()) {
            out << "        " << key.name << ") echo '" << key.values << "' ;;\n";
        }
    }
    out << "    esac\n"
           "}\n"
           "_fd2() {\n"
           "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} i key=\n"
           "    COMPREPLY=()\n"
           "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
        << "        COMPREPLY=($(compgen -W '" << words << " --help --version' -- \"$cur\"))\n"
        << "        return\n"
           "    fi\n"
           "    # Behind `--` is another command: complete as for that one.\n"
           "    for ((i = 2; i < COMP_CWORD; i++)); do\n"
           "        [ \"${COMP_WORDS[1]}\" = run ] || [ \"${COMP_WORDS[2]}\" = explain ] || break\n"
           "        if [ \"${COMP_WORDS[i]}\" = -- ]; then\n"
           "            if declare -F _command_offset >/dev/null; then\n"
           "                _command_offset $((i + 1))\n"
           "            else\n"
           "                COMPREPLY=($(compgen -c -- \"$cur\"))\n"
           "            fi\n"
           "            return\n"
           "        fi\n"
           "    done\n"
           "    # bash takes KEY=VALUE apart, and --option=VALUE too.\n"
           "    if [ \"$cur\" = = ]; then\n"
           "        key=$prev cur=; prev=${COMP_WORDS[COMP_CWORD-2]}\n"
           "    elif [ \"$prev\" = = ] && [ \"$COMP_CWORD\" -ge 4 ]; then\n"
           "        key=${COMP_WORDS[COMP_CWORD-2]} prev=${COMP_WORDS[COMP_CWORD-3]}\n"
           "    fi\n"
           "    case $key in\n"
           "        '') ;;\n"
           "        --*) prev=$key ;;\n"
           "        *)\n"
           "            [ \"$prev\" = --set ] || return\n"
           "            local head=\n"
           "            case $cur in *,*) head=${cur%,*}, ;; esac\n"
           "            COMPREPLY=($(compgen -P \"$head\" -W \"$(_fd2_value \"$key\")\" -- "
           "\"${cur##*,}\"))\n"
           "            return ;;\n"
           "    esac\n"
           "    case $prev in\n"
           "        --set)\n"
           "            compopt -o nospace 2>/dev/null\n"
           "            COMPREPLY=($(compgen -S = -W 'backends "
        << key_names << "' -- \"$cur\"))\n            return ;;\n";
    for (const auto& option : with_argument(commands)) {
        const std::string known = words_of(option);
        if (option.name == "--set") continue;
        out << "        " << option.name << ") ";
        if (!known.empty()) out << "COMPREPLY=($(compgen -W '" << known << "' -- \"$cur\")); ";
        if (is_file(option)) out << "COMPREPLY=($(compgen -f -- \"$cur\")); ";
        if (option.argument == "DIR") out << "COMPREPLY=($(compgen -d -- \"$cur\")); ";
        out << "return ;;\n";
    }
    out << "    esac\n"
           "    case ${COMP_WORDS[1]} in\n";
    for (const auto& subcommand : commands) {
        out << "        " << subcommand.name << ")\n            COMPREPLY=($(compgen -W '"
            << names(subcommand.flags) << (subcommand.words.empty() ? "" : " ")
            << join(subcommand.words, " ") << "' -- \"$cur\"))\n";
        if (subcommand.name == "run") {
            out << "            [[ $cur == -* ]] || COMPREPLY=($(compgen -c -- \"$cur\"))\n";
        }
        if (subcommand.name == "link" || subcommand.name == "new-backend") {
            out << "            [[ $cur == -* ]] || COMPREPLY=($(compgen -d -- \"$cur\"))\n";
        }
        if (takes_pids(subcommand)) {
            out << "            [[ $cur == -* ]] || COMPREPLY=($(compgen -W \"$(" << running_pids
                << ")\" -- \"$cur\"))\n";
        }
        if (subcommand.name == "report") {
            out << "            [[ $cur == -* ]] || COMPREPLY=($(compgen -f -- \"$cur\"))\n";
        }
        out << "            ;;\n";
    }
    out << "    esac\n"
           "    case \"${COMP_WORDS[1]} $prev\" in\n"
           "        'config check') COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n"
           "        'config show') [[ $cur == -* ]] || COMPREPLY=($(compgen -W '"
        << key_names
        << "' -- \"$cur\")) ;;\n"
           "    esac\n"
           "}\n"
           "complete -o filenames -F _fd2 fd2\n";
}

void zsh(const std::vector<command>& commands, std::ostream& out) {
    out << "#compdef fd2\n"
           "_fd2_set() {\n"
           "    local -a keys\n"
           "    keys=(";
    const auto keys = keys_of_set();
    for (const auto& key : keys) out << ' ' << key.name;
    out << " )\n"
           "    if ! compset -P '*='; then\n"
           "        compadd -S = -a keys\n"
           "        return\n"
           "    fi\n"
           "    local key=${IPREFIX%=}\n"
           "    compset -P '*,'\n"
           "    case ${key##*=} in\n";
    for (const auto& key : keys) {
        if (!key.values.empty()) {
            out << "        " << key.name << ") compadd " << key.values << " ;;\n";
        }
    }
    for (const auto& key : keys) {
        if (key.file) out << "        " << key.name << ") _files ;;\n";
    }
    out << "    esac\n"
           "}\n"
           "_fd2() {\n"
           "    local -a commands\n"
           "    commands=(\n";
    for (const auto& subcommand : commands) {
        out << "        '" << subcommand.name << ":" << in_quotes(subcommand.help) << "'\n";
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
    for (const auto& subcommand : commands) {
        out << "        " << subcommand.name << ")\n            _arguments -S";
        for (const auto& option : subcommand.flags) {
            out << " \\\n                '" << option.name << '[' << in_quotes(option.help) << ']';
            if (!option.argument.empty()) {
                const bool path = option.argument == "FILE" || option.argument == "DIR";
                const std::string known = words_of(option);
                out << ':' << option.argument << ':';
                if (option.name == "--set") out << "_fd2_set";
                if (!known.empty()) out << '(' << known << ')';
                if (path) out << (option.argument == "DIR" ? "_files -/" : "_files");
            }
            out << '\'';
        }
        if (subcommand.name == "run") out << " \\\n                '*::command:_normal'";
        if (subcommand.name == "link" || subcommand.name == "new-backend")
            out << " \\\n                '*:directory:_files -/'";
        if (subcommand.name == "report") out << " \\\n                '*:file:_files'";
        if (takes_pids(subcommand)) {
            out << " \\\n                '*:pid:($(" << running_pids << "))'";
        }
        if (!subcommand.words.empty()) {
            out << " \\\n                '" << (subcommand.name == "plugins" ? "*" : "1")
                << ":what:(" << join(subcommand.words, " ") << ")'";
            if (subcommand.name == "config") out << " \\\n                '*:file:_files'";
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
    std::string values;
    for (const auto& key : keys_of_set()) {
        values += (values.empty() ? "" : " ") + key.name + "=";
        for (std::size_t start = 0; start < key.values.size();) {
            const std::size_t end = std::min(key.values.find(' ', start), key.values.size());
            values += " " + key.name + "=" + key.values.substr(start, end - start);
            start = end + 1;
        }
    }
    for (const auto& subcommand : commands) {
        out << "complete -c fd2 -n __fish_use_subcommand -a " << subcommand.name << " -d '"
            << in_quotes(subcommand.help) << "'\n";
        const std::string when = "-n '__fish_seen_subcommand_from " + subcommand.name + "'";
        for (const auto& option : subcommand.flags) {
            out << "complete -c fd2 " << when << " -l " << option.name.substr(2);
            if (!option.argument.empty()) {
                const bool path = option.argument == "FILE" || option.argument == "DIR";
                const std::string known = option.name == "--set" ? values : words_of(option);
                out << " -r" << (path ? " -F" : "");
                if (!known.empty()) out << " -a '" << known << "'";
            }
            out << " -d '" << in_quotes(option.help) << "'\n";
        }
        if (!subcommand.words.empty()) {
            out << "complete -c fd2 " << when << " -a '" << join(subcommand.words, " ") << "'\n";
        }
        if (takes_pids(subcommand)) {
            out << "complete -c fd2 " << when << " -a '(" << running_pids << ")'\n";
        }
        if (subcommand.name == "run") {
            out << "complete -c fd2 " << when << " -a '(__fish_complete_subcommand)'\n";
        }
        if (subcommand.name == "link" || subcommand.name == "new-backend" ||
            subcommand.name == "config" || subcommand.name == "report")
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
        complain("completion: '" + shell + "': unknown shell; choose bash, zsh or fish");
        return usage_error;
    }
    return 0;
}

}  // namespace fd2::cli
