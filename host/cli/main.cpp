// The fd2 command: from argv to one subcommand.

#include <CLI/CLI.hpp>
#include <charconv>
#include <iostream>
#include <new>

#include "base/files.hpp"
#include "cli/completion.hpp"
#include "cli/config.hpp"
#include "cli/config_explain.hpp"
#include "cli/conform.hpp"
#include "cli/doctor.hpp"
#include "cli/hosts.hpp"
#include "cli/link.hpp"
#include "cli/new_backend.hpp"
#include "cli/plugins.hpp"
#include "cli/report.hpp"
#include "cli/run.hpp"
#include "cli/screen.hpp"
#include "cli/system.hpp"
#include "cli/usage.hpp"
#include "cli/why.hpp"

namespace {

using namespace fd2::cli;
using fd2::errc;

constexpr int not_found = 127;

constexpr const char* main_footer =
    R"(Examples:
  fd2 run -- ssh host uptime                  like ssh alone, with stderr captured
  rsync -e 'fd2 run -- ssh' -a src/ host:dst  any tool that runs a remote shell
  GIT_SSH_COMMAND='fd2 run -- ssh' git fetch
  fd2 link ~/fd2-bin && GIT_SSH=~/fd2-bin/ssh git fetch
                                              for tools that take only a path
  fd2 ps                                      what is running; then: fd2 tail PID
  fd2 doctor                                  check this machine, suggest fixes
  fd2 config show --origin                    effective settings, and where each is set

Documentation: fd2(1), fd2-run(1), fd2-conform(1), fd2.yaml(5))";

constexpr const char* link_footer =
    R"(Examples:
  fd2 link ~/fd2-bin && GIT_SSH=~/fd2-bin/ssh git fetch)";

constexpr const char* config_footer =
    R"(Examples:
  fd2 config check                            the files in use
  fd2 config show --origin                    effective settings, and where each is set)";

constexpr const char* check_footer =
    R"(Exit status: 0 if there is no error, else 1 (warnings do not count).

Examples:
  fd2 config check                            the files that fd2 run would read
  fd2 config check ./fd2.yaml)";

constexpr const char* show_footer =
    R"(Examples:
  fd2 config show --origin                    all of them, and where each is set
  fd2 config show capture.tail                one value
  fd2 config show --json | jq .capture
  fd2 config show --set transport=async       with other settings)";

constexpr const char* explain_footer =
    R"(Runs nothing. Lists the files that were searched for, what the rules' conditions are compared
with, each rule and why it does or does not apply, the values that the rule sets, and those that
differ from the built-in ones.

Exit status: 1 if the configuration has an error, 2 for wrong usage, else 0.

Examples:
  fd2 config explain -- ssh host backup
  fd2 config explain --link ssh -- ssh host   as if called through a link
  fd2 config explain --user backup -- ssh host
  fd2 config explain --json -- ssh host | jq '.rules[] | select(.result == "applies")')";

constexpr const char* schema_footer =
    R"(Examples:
  fd2 config schema >fd2.schema.json          for an editor that checks YAML as you write)";

constexpr const char* defaults_footer =
    R"(Examples:
  fd2 config defaults >fd2.yaml               a file to begin with)";

constexpr const char* version_footer =
    R"(Examples:
  fd2 version
  fd2 version --json | jq -r .version)";

constexpr const char* help_footer =
    R"(Examples:
  fd2 help run
  fd2 help config show                        the same as: fd2 config show --help)";

constexpr const char* run_footer =
    R"(fd2 does not touch the command's stdin and stdout, and adds nothing to its stderr unless
something goes wrong or you ask for it. If an option is repeated, the last one wins; --set and
--plugin-path accumulate.

Exit status: the command's own (if a signal killed it, fd2 kills itself with the same signal);
125 if fd2 itself fails, 126 if the command cannot be executed, 127 if it is not found.

Examples:
  fd2 run -- ssh host backup
  fd2 run --stats /tmp/ssh.json --tail-out /tmp/ssh.err -- ssh host backup
  fd2 run --explain -- ssh -v -o ControlMaster=auto -o ControlPersist=60 host true
  fd2 run --forward lines --set forward.prefix='web1: ' -- ssh web1 deploy
  fd2 run --backend pipe --set options.pipe.capacity=1MiB -- ssh host backup)";

constexpr const char* completion_footer =
    R"(An installed fd2 already includes these scripts.

Examples:
  source <(fd2 completion bash)               for this shell; in ~/.bashrc, for all
  fd2 completion zsh >DIR/_fd2                DIR: one of $fpath
  fd2 completion fish >~/.config/fish/completions/fd2.fish)";

constexpr const char* new_backend_footer =
    R"(Writes the source of a backend that works, a CMakeLists.txt, and a test that runs
'fd2 conform'. Needs CMake, a compiler and libfd2-dev.

Examples:
  fd2 new-backend my-ring
  cmake -S my-ring -B my-ring/build && cmake --build my-ring/build
  ctest --test-dir my-ring/build --output-on-failure)";

constexpr const char* plugins_footer =
    R"(Exit status: 0 if a backend is usable, 1 if none is or a NAME is unknown.

Examples:
  fd2 plugins                                 one line each
  fd2 plugins pipe                            details of this one
  fd2 plugins --json | jq -r '.plugins[] | select(.usable) | .backend')";

constexpr const char* doctor_footer =
    R"(Lists what is wrong first (problem: a run fails, or captures nothing because no backend can be
used; warning: it runs, but not as well as it could), each with a suggested fix, then notes. Runs a
test command, and asks ssh and rsync for their versions; changes nothing.

Exit status: 1 if there is a problem, else 0 (warnings and notes do not count).

Examples:
  fd2 doctor
  fd2 doctor -v                               every check, including those that passed
  fd2 doctor --set transport=async            with other settings
  fd2 doctor --plugin-path ./backends
  fd2 doctor --json | jq -r '.checks[] | select(.level != "ok") | .advice')";

constexpr const char* why_footer =
    R"(Explains the last failed run in report.file or in FILE: a file of reports (report.file, --stats), a
log file, or the stderr of any command. Nothing is sent anywhere or asked on the network.

Exit status: 0 if a cause was found; 1 if none is known, or nothing failed; 2 for wrong usage, or
if a file cannot be read or is damaged.

Examples:
  fd2 why                                     the last failed run in report.file
  ssh host backup 2>err || fd2 why --status $? --tool ssh err
  fd2 why --json /var/log/fd2.log | jq -r .cause.class
  fd2 why --list                              the classes and rules, with tools and versions
  fd2 why --rules >causes.yaml                the rules, to write more (why.rules))";

constexpr const char* report_footer =
    R"(Reads what runs with report.file (see fd2.yaml(5)) or --stats have left, and the runs' records in
a log file. Other lines are counted and skipped.

Exit status: 0 on success; 2 for wrong usage, or if a file cannot be read or written.

Examples:
  fd2 report                                  the configured report.file
  fd2 report --since 24h ~/fd2.reports
  zcat fd2.reports.*.gz | fd2 report -
  fd2 report --json fd2.reports | jq '.hosts[] | select(.failed > 0)'
  fd2 report --prometheus --out /var/lib/node_exporter/fd2.prom)";

/// What the command line was parsed into.
struct parsed {
    common_options common;
    run_options run;
    std::string backend, transport, tail, forward, log, stats_fd;
    std::string directory, language = "c++", shell, file, key, colour, link, user;
    std::vector<std::string> names;
    output_options shown;
    report_options report;
    why_options why;
    conform_options conform;
    host_options hosts;
    bool origin = false, hint = false;
};

/// An option with one value; given again, the last one counts.
CLI::Option* add_value(CLI::App& app, const char* name, const char* type, std::string& target,
                       const char* help) {
    return app.add_option(name, target, help)->type_name(type)->take_last();
}

void add_switch(CLI::App& app, const char* name, bool& target, const char* help) {
    app.add_flag(name, target, help)->disable_flag_override();
}

void add_common(CLI::App& app, common_options& options) {
    app.add_option("--config", options.config,
                   "Read this file instead of the usual ones (none: no file)")
        ->type_name("FILE")
        ->take_last();
    app.add_option("--plugin-path", options.plugin_path, "Search this directory for plugins first")
        ->type_name("DIR")
        ->allow_extra_args(false);
    app.add_option("--set", options.set,
                   "Set a key of the configuration, for example capture.tail=1MiB")
        ->type_name("KEY=VALUE")
        ->allow_extra_args(false);
}

void add_colour(CLI::App& app, parsed& given) {
    add_value(app, "--color", "WHEN", given.colour,
              "Use colours: auto (on a terminal, unless NO_COLOR is set), always or never");
}

void add_run(CLI::App& app, parsed& given) {
    CLI::App* run = app.add_subcommand("run", "Run a command and capture its stderr");
    run->footer(run_footer);
    run->prefix_command();
    add_common(*run, given.common);
    add_value(*run, "--backend", "NAME", given.backend,
              "Use this backend (a name or a plugin's absolute path), or the first usable one of a "
              "list, separated by commas, or fail");
    add_value(*run, "--transport", "KIND", given.transport,
              "sync or async: which list of backends to try");
    add_value(*run, "--tail", "SIZE", given.tail,
              "Keep this much of the end of stderr, for example 256KiB or 100B");
    add_value(*run, "--forward", "MODE", given.forward,
              "raw, lines, lossy or off: how stderr is forwarded");
    add_switch(*run, "--explain", given.run.explain, "At the end, report on stderr what happened");
    add_switch(*run, "--hint", given.hint,
               "After a failure, add a line to stderr: the likely cause, and what to do");
    add_value(*run, "--stats", "FILE", given.run.stats_file,
              "Write a report (JSON) to this file; - is stdout");
    add_value(*run, "--stats-fd", "N", given.stats_fd, "Write the report to this descriptor");
    add_value(*run, "--log", "FILE", given.log,
              "Log every line of stderr to this file (JSON lines)");
    add_value(*run, "--tail-out", "FILE", given.run.tail_file,
              "Write the end of stderr to this file; - is stdout");
}

void add_config(CLI::App& app, parsed& given) {
    CLI::App* config = app.add_subcommand("config", "Check and show the configuration");
    config->footer(config_footer);
    config->require_subcommand(1);
    CLI::App* check = config->add_subcommand("check", "Validate a file, or the files in use");
    check->footer(check_footer);
    add_value(*check, "file", "FILE", given.file,
              "The file; without it, those that fd2 run would read");
    CLI::App* show = config->add_subcommand("show", "Print the effective values");
    show->footer(show_footer);
    add_value(*show, "key", "KEY", given.key, "Only this one, for example capture.tail");
    add_switch(*show, "--origin", given.origin, "Show where each value comes from");
    add_switch(*show, "--json", given.shown.json, "Print JSON");
    add_colour(*show, given);
    add_common(*show, given.common);
    CLI::App* explain =
        config->add_subcommand("explain", "Say which rule and which values apply to a command");
    explain->footer(explain_footer);
    explain->prefix_command();
    add_value(*explain, "--link", "NAME", given.link,
              "As if fd2 were called through a link of this name");
    add_value(*explain, "--user", "NAME", given.user, "As if this user ran it (for rules only)");
    add_switch(*explain, "--json", given.shown.json, "Print JSON");
    add_common(*explain, given.common);
    config->add_subcommand("schema", "Print the JSON Schema of fd2.yaml")->footer(schema_footer);
    config->add_subcommand("defaults", "Print a commented fd2.yaml with every default")
        ->footer(defaults_footer);
}

void add_rest(CLI::App& app, parsed& given) {
    CLI::App* link = app.add_subcommand("link",
                                        "Create DIR/ssh as a link to fd2, for tools that take only "
                                        "the path of a remote shell, without arguments");
    link->footer(link_footer);
    add_value(*link, "dir", "DIR", given.directory, "The directory; created if missing")
        ->required();
    link->add_option("name", given.names, "Names to use instead of ssh")->type_name("NAME");
    CLI::App* report = app.add_subcommand("report", "Summarise the reports that runs have left");
    report->footer(report_footer);
    report
        ->add_option("file", given.report.files,
                     "Files of reports, - for stdin; without one, report.file")
        ->type_name("FILE");
    add_value(*report, "--since", "TIME", given.report.since,
              "Only runs started since then: a duration (24h, 7d) or a time (2026-11-29T15:56Z)");
    add_switch(*report, "--json", given.shown.json, "Print JSON");
    add_switch(*report, "--prometheus", given.report.prometheus,
               "Print metrics for node_exporter's textfile collector");
    add_value(*report, "--out", "FILE", given.report.out,
              "Write to this file, replacing it atomically");
    add_colour(*report, given);
    add_common(*report, given.common);
    CLI::App* why = app.add_subcommand("why", "Say why a command failed, and what to do");
    why->footer(why_footer);
    add_value(*why, "file", "FILE", given.why.file,
              "Its stderr, a file of reports or a log, - for stdin; without one, report.file");
    add_value(*why, "--status", "STATUS", given.why.status,
              "How the command ended, for a FILE with its stderr: 255, SIGTERM");
    add_value(*why, "--tool", "NAME", given.why.tool, "What wrote that: ssh, rsync, git, ...");
    add_switch(*why, "--list", given.why.list, "List the classes of causes and the rules");
    add_switch(*why, "--rules", given.why.rules, "Print the rules in force, as YAML");
    add_switch(*why, "--json", given.shown.json, "Print JSON");
    add_colour(*why, given);
    add_common(*why, given.common);
    CLI::App* plugins = app.add_subcommand("plugins", "List the backends and try each of them");
    plugins->footer(plugins_footer);
    plugins->add_option("name", given.names, "Show only these, in detail")->type_name("NAME");
    add_switch(*plugins, "--json", given.shown.json, "Print JSON");
    add_colour(*plugins, given);
    add_common(*plugins, given.common);
    CLI::App* doctor =
        app.add_subcommand("doctor", "Check this machine and the settings, and suggest fixes");
    doctor->footer(doctor_footer);
    add_switch(*doctor, "-v,--verbose", given.shown.verbose, "Also show the checks that passed");
    add_switch(*doctor, "--json", given.shown.json, "Print JSON");
    add_colour(*doctor, given);
    add_common(*doctor, given.common);
    add_host_commands(app, given.hosts);
    add_colour(*app.get_subcommand("ps"), given);
    add_config(app, given);
    add_conform(*app.add_subcommand("conform", "Check a backend against the contract"),
                given.conform);
    CLI::App* author = app.add_subcommand("new-backend", "Start a backend plugin of your own");
    author->footer(new_backend_footer);
    add_value(*author, "dir", "DIR", given.directory,
              "The project's directory; the backend is named after it")
        ->required();
    add_value(*author, "--language", "LANGUAGE", given.language, "c or c++; c++ by default");
    CLI::App* version = app.add_subcommand("version", "Print the version");
    version->footer(version_footer);
    add_switch(*version, "--json", given.shown.json, "Print JSON");
    CLI::App* completion = app.add_subcommand("completion", "Print a shell completion script");
    completion->footer(completion_footer);
    add_value(*completion, "shell", "SHELL", given.shell, "bash, zsh or fish")->required();
    CLI::App* help = app.add_subcommand("help", "Print help for a command");
    help->footer(help_footer);
    help->add_option("command", given.names, "The command")->type_name("COMMAND");
}

/// The descriptor that was written, if it is one.
std::optional<int> descriptor(const std::string& text) {
    int fd = -1;
    const auto [stop, failed] = std::from_chars(text.data(), text.data() + text.size(), fd);
    if (failed != std::errc() || stop != text.data() + text.size() || fd < 0) return std::nullopt;
    return fd;
}

/// Options that stand for a key of the configuration. False: one is wrong, and that was said.
bool translate(parsed& given) {
    auto& shorthand = given.common.shorthand;
    const auto add = [&shorthand](const char* key, const std::string& value, const char* name) {
        if (!value.empty()) shorthand.push_back({key, value, name});
    };
    add("backends", given.backend, "--backend");
    add("transport", given.transport, "--transport");
    add("capture.tail", given.tail, "--tail");
    add("forward.mode", given.forward, "--forward");
    add("why.hint", given.hint ? "true" : "", "--hint");
    if (given.log == "-") {
        complain("run: --log: - is not supported; give a path (./- for a file named -)");
        return false;
    }
    if (!given.log.empty()) {
        add("log.file", fd2::absolute(given.log), "--log");
        add("log.lines", "true", "--log");
    }
    given.run.explicit_backend = !given.backend.empty();
    if (given.stats_fd.empty()) return true;
    given.run.stats_fd = descriptor(given.stats_fd);
    if (!given.run.stats_fd) {
        complain("run: --stats-fd: " + fd2::settings::display(given.stats_fd) +
                 " is not a descriptor; give its number, for example 3");
    }
    return given.run.stats_fd.has_value();
}

int print_version(bool json) {
    if (json) {
        std::cout << "{\"schema\":\"fd2.version/1\",\"version\":\"" FD2_VERSION
                     "\",\"abi\":\"1\"}\n";
    } else {
        std::cout << "fd2 " FD2_VERSION " (channel ABI 1)\n";
    }
    return 0;
}

/// Behind fd2's own options stands the command, with or without `--`; a later `--` is its own.
/// Returns the arguments that are ours.
std::vector<std::string> split_command(int argc, char** argv,
                                       std::vector<std::string>& command_words) {
    std::vector<std::string> ours(argv + 1, argv + argc);
    const bool explains = ours.size() > 1 && ours[0] == "config" && ours[1] == "explain";
    if (ours.empty() || (ours.front() != "run" && !explains)) return ours;
    const auto mark = std::find(ours.begin(), ours.end(), "--");
    command_words.assign(mark, ours.end());
    ours.erase(mark, ours.end());
    return ours;
}

/// The first option whose value is empty: an unset variable in a script, nearly always.
std::optional<std::string> empty_option(const CLI::App& app) {
    for (const CLI::Option* one : app.get_options()) {
        if (one->count() == 0 || one->get_items_expected_max() == 0) continue;
        for (const std::string& value : one->results()) {
            if (value.empty()) return one->get_name();
        }
    }
    return std::nullopt;
}

/// The command that stands behind the options of `fd2 run` and `fd2 config explain`. `name` is what
/// the user called. Nothing: there is none, which has been said; `status` is what to end with.
std::optional<std::vector<std::string>> command_of(const CLI::App& app, const std::string& name,
                                                   std::vector<std::string> command_words,
                                                   int& status) {
    auto command = app.remaining();
    if (!command.empty() && command.front().starts_with('-') && command.front().size() > 1) {
        complain_in_lines(unknown_word(app, command.front()) +
                          "; put -- before a command that begins with -");
        return std::nullopt;
    }
    // `--` is ours only if no word of the command came before it.
    if (command.empty() && !command_words.empty()) command_words.erase(command_words.begin());
    command.insert(command.end(), command_words.begin(), command_words.end());
    if (command.empty()) {
        complain_in_lines(name + ": no command; write: fd2 " + name +
                          " [OPTIONS] -- COMMAND [ARG...]\nsee 'fd2 " + name + " --help'");
        return std::nullopt;
    }
    if (command.front().empty()) {
        complain(name + ": '': the command name is empty; is a variable unset?");
        status = not_found;
        return std::nullopt;
    }
    if (const auto option = empty_option(app)) {
        complain(name + ": " + *option + ": empty value; give one or omit the option");
        return std::nullopt;
    }
    return command;
}

int explain_config(const CLI::App& app, parsed& given, std::vector<std::string> command_words) {
    int status = usage_error;
    const auto command = command_of(app, "config explain", std::move(command_words), status);
    if (!command) return usage_error;
    std::optional<std::string> link;
    if (!given.link.empty()) link = given.link;
    given.common.forgiving = link.has_value();
    auto facts = facts_of(*command, link, is_terminal(fd2::process::standard_descriptor(2)));
    if (!given.user.empty()) facts.user = [&given] { return given.user; };
    const auto loaded = read_settings(given.common, &facts);
    if (!loaded) {
        complain(text_of(loaded.error()));
        return 1;
    }
    print_mistakes(*loaded, true);
    for (const auto& file : loaded->left_out) complain(file.text());
    return config_explain({*command, facts, *loaded}, given.shown.json, std::cout);
}

int run_config(const CLI::App& config, const parsed& given) {
    if (config.got_subcommand("check")) {
        const std::size_t width = width_of(fd2::process::standard_descriptor(2));
        if (!given.file.empty()) {
            return config_check(given.file, std::cout, std::cerr, backends_in, wrong_options,
                                width);
        }
        const auto used = read_settings({});
        if (!used) return 1;
        return config_check_used(*used, std::cout, std::cerr, backends_in, wrong_options, width);
    }
    if (config.got_subcommand("schema")) return config_schema(std::cout);
    if (config.got_subcommand("defaults")) return config_defaults(std::cout);
    const auto loaded = load_settings(given.common, true);
    if (!loaded) return 1;
    if (!given.key.empty()) {
        return config_show_key(*loaded, given.key, given.origin, given.shown.json, std::cout,
                               std::cerr);
    }
    return config_show(*loaded, given.origin, given.shown.json, look_at_stdout(given.shown.colour),
                       std::cout);
}

/// Whether both name one regular file, or one that does not exist yet. Descriptors may be shared.
bool is_same_file(const std::string& one_name, const std::string& other_name) {
    const auto shared = [](const std::string& name) {
        std::error_code ignored;
        const std::filesystem::path path = fd2::path_of(name);
        return name.empty() || name == "-" || name.starts_with("/dev/") ||
               name.starts_with("/proc/") ||
               (std::filesystem::exists(path, ignored) &&
                !std::filesystem::is_regular_file(path, ignored));
    };
    if (shared(one_name) || shared(other_name)) return false;
    const std::filesystem::path one = fd2::path_of(one_name), other = fd2::path_of(other_name);
    std::error_code failed;
    if (std::filesystem::equivalent(one, other, failed)) return true;
    const auto whole = [&](const std::filesystem::path& path) {
        return std::filesystem::weakly_canonical(std::filesystem::absolute(path, failed), failed);
    };
    return whole(one) == whole(other) && !failed;
}

/// Reports that would replace each other: "--stats and --tail-out: FILE: ...", or nothing.
std::optional<std::string> shared_report(const parsed& given) {
    const std::pair<const char*, const std::string&> files[] = {{"--stats", given.run.stats_file},
                                                                {"--tail-out", given.run.tail_file},
                                                                {"--log", given.log}};
    for (std::size_t i = 0; i < std::size(files); ++i) {
        for (std::size_t j = i + 1; j < std::size(files); ++j) {
            if (!is_same_file(files[i].second, files[j].second)) continue;
            return std::string(files[i].first) + " and " + files[j].first + ": " + files[j].second +
                   ": the same file; give each its own";
        }
    }
    return std::nullopt;
}

int run_command(const CLI::App& app, parsed& given, std::vector<std::string> command_words,
                const process_start& start) {
    int status = own_failure;
    auto command = command_of(*app.get_subcommand("run"), "run", std::move(command_words), status);
    if (!command) return status;
    given.run.command = std::move(*command);
    if (!given.run.stats_file.empty() && !given.stats_fd.empty()) {
        complain("run: --stats and --stats-fd cannot be used together");
        return own_failure;
    }
    if (const auto shared = shared_report(given)) {
        complain("run: " + *shared);
        return own_failure;
    }
    if (!translate(given)) return own_failure;
    given.run.common = given.common;
    return run(given.run, start);
}

int run_as(const std::string& name, int argc, char** argv, const process_start& start) {
    auto program = next_on_path(name);
    if (!program) {
        complain(text_of(program.error()));
        return program.error().code == errc::unsupported ? not_found : own_failure;
    }
    run_options options;
    options.command.assign(argv, argv + argc);
    options.command.front() = name;
    options.program = std::move(*program);
    options.link = name;
    options.common.forgiving = true;  // ssh was asked for, and no configuration of ours
    return run(options, start);
}

int dispatch(int argc, char** argv, const process_start& start) {
    if (const auto name = borrowed_name(argv[0])) return run_as(*name, argc, argv, start);

    CLI::App app(
        "fd2 runs a command, leaves its stdin and stdout alone, and captures its stderr, without "
        "hanging, blocking or losing the last lines.",
        "fd2");
    app.formatter(help_formatter());
    parsed given;
    bool version = false;
    app.footer(main_footer);
    add_switch(app, "-V,--version", version, "Print the version");
    app.require_subcommand(0, 1);
    const bool running = argc > 1 && std::string_view(argv[1]) == "run";
    add_run(app, given);
    if (!running) add_rest(app, given);  // a run has to start fast, and needs no other command

    std::vector<std::string> command_words;
    std::vector<std::string> ours = split_command(argc, argv, command_words);
    std::reverse(ours.begin(), ours.end());
    try {
        app.parse(ours);
    } catch (const CLI::ParseError& why) {
        if (why.get_exit_code() == 0) return app.exit(why, std::cout, std::cerr);
        std::string said =
            app.remaining().empty() ? std::string() : meant_to_run({argv + 1, argv + argc});
        complain_in_lines(said.empty() ? usage_mistake(app, why) : said);
        return running ? own_failure : usage_error;
    }
    if (running) return run_command(app, given, std::move(command_words), start);
    if (version || app.got_subcommand("version")) return print_version(given.shown.json);
    if (app.got_subcommand("link")) {
        return link(given.directory,
                    given.names.empty() ? std::vector<std::string>{"ssh"} : given.names);
    }
    if (app.got_subcommand("new-backend")) return new_backend(given.directory, given.language);
    if (!given.colour.empty()) {
        const auto colour = parse_when(given.colour);
        if (!colour) {
            complain(place_of_call(app) + "--color: " + fd2::settings::display(given.colour) +
                     " is not a valid choice; write one of auto, always, never");
            return usage_error;
        }
        given.shown.colour = *colour;
    }
    if (app.got_subcommand("plugins")) {
        return plugins(given.common, given.names, given.shown, std::cout);
    }
    if (app.got_subcommand("report")) {
        if (const auto option = empty_option(*app.get_subcommand("report"))) {
            complain("report: " + *option + ": empty value; give one or omit the option");
            return usage_error;
        }
        return report(given.common, given.report, given.shown, std::cout);
    }
    if (app.got_subcommand("why")) {
        if (const auto option = empty_option(*app.get_subcommand("why"))) {
            complain("why: " + *option + ": empty value; give one or omit the option");
            return usage_error;
        }
        return why(given.common, given.why, given.shown, std::cout);
    }
    if (app.got_subcommand("conform")) return become_conform(argc, argv);
    if (const int status = run_host_command(app, given.hosts, given.shown, std::cout);
        status >= 0) {
        return status;
    }
    if (app.got_subcommand("doctor")) {
        return doctor::examine(given.common, start.closed, given.shown, std::cout);
    }
    if (app.got_subcommand("config")) {
        const CLI::App& config = *app.get_subcommand("config");
        if (config.got_subcommand("explain")) {
            return explain_config(*config.get_subcommand("explain"), given,
                                  std::move(command_words));
        }
        return run_config(config, given);
    }
    if (app.got_subcommand("completion")) return completion(given.shell, app, std::cout);
    const CLI::App* topic = &app;
    for (const std::string& name : given.names) {
        const auto found =
            topic->get_subcommands([&](const CLI::App* one) { return one->get_name() == name; });
        if (found.empty()) {
            complain_in_lines(unknown_word(*topic, name));
            return usage_error;
        }
        topic = found.front();
    }
    std::cout << topic->get_formatter()->make_help(topic, {}, CLI::AppFormatMode::Normal);
    return app.got_subcommand("help") ? 0 : usage_error;
}

}  // namespace

int main(int argc, char** argv) {
    // Before anything else: what we were given is what the command gets.
    process_start start;
    const auto closed = fd2::process::secure_standard_fds();
    if (!closed) {
        complain(text_of(closed.error()));  // descriptor 2 may be a good one
        return own_failure;
    }
    start.closed = *closed;
    auto inherited = fd2::process::inherited_state::capture();
    if (!inherited) {
        complain(text_of(inherited.error()));
        return own_failure;
    }
    start.inherited = *inherited;
    try {
        start.descriptors = fd2::process::inherited_descriptors::note();
        take_stdout();
        std::vector<std::string> words = words_of(argc, argv);
        std::vector<char*> pointers;
        for (std::string& word : words) pointers.push_back(word.data());
        pointers.push_back(nullptr);
        const int status = dispatch(static_cast<int>(words.size()), pointers.data(), start);
        if (const auto lost = flush_stdout()) {
            complain(*lost);
            return status == 0 ? 1 : status;
        }
        return status;
    } catch (const std::bad_alloc&) {
        complain("out of memory");
        return own_failure;
    } catch (const std::exception& why) {
        complain(why.what());
        return own_failure;
    }
}
