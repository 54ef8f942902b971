// The fd2 command: from argv to one subcommand.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>

#include "cli/completion.hpp"
#include "cli/config.hpp"
#include "cli/doctor.hpp"
#include "cli/link.hpp"
#include "cli/plugins.hpp"
#include "cli/run.hpp"
#include "cli/usage.hpp"

namespace {

using namespace fd2::cli;

constexpr int usage_error = 2;
constexpr int not_found = 127;

constexpr const char* main_footer =
    R"(Examples:
  fd2 run -- ssh host uptime                  as ssh alone, with its stderr kept
  rsync -e 'fd2 run -- ssh' -a src/ host:dst  any tool that runs a remote shell
  GIT_SSH_COMMAND='fd2 run -- ssh' git fetch
  fd2 link ~/fd2-bin && GIT_SSH=~/fd2-bin/ssh git fetch
                                              for tools that take one word only
  fd2 doctor                                  what works here, and what to do about the rest
  fd2 config show --origin                    which settings are in force, and why

Documentation: fd2(1), fd2-run(1), fd2.yaml(5))";

constexpr const char* run_footer =
    R"(The command's stdin and stdout are left alone; fd2 itself writes nothing unless asked.
Exit status: the command's own, and death by the same signal; 125 if fd2 fails itself,
126 if the command cannot be executed, 127 if it is not found.

Examples:
  fd2 run -- ssh host backup
  fd2 run --stats /tmp/ssh.json --tail-out /tmp/ssh.err -- ssh host backup
  fd2 run --explain -- ssh -v -o ControlMaster=auto -o ControlPersist=60 host true
  fd2 run --forward lines --set forward.prefix='web1: ' -- ssh web1 deploy
  fd2 run --backend pipe --set options.pipe.capacity=1MiB -- ssh host backup)";

constexpr const char* completion_footer =
    R"(Examples:
  source <(fd2 completion bash)               for this shell; in ~/.bashrc for every one
  fd2 completion zsh >DIR/_fd2                DIR: one of $fpath
  fd2 completion fish >~/.config/fish/completions/fd2.fish)";

constexpr const char* doctor_footer =
    R"(Each line begins with ok, note, warning or problem; what to do stands below it. With
problem, a run fails or captures nothing. A command is run, ssh and rsync are asked for their
version; nothing is changed.
Exit status: 0 nothing is broken (notes and warnings allowed), 1 there is a problem.

Examples:
  fd2 doctor
  fd2 doctor --set transport=async            with other settings than those in force
  fd2 doctor --plugin-path ./backends
  fd2 doctor --json | jq -r '.checks[] | select(.level != "ok") | .advice')";

/// The library's help, with a usage line that knows of the command.
class run_help final : public CLI::Formatter {
  public:
    std::string make_usage(const CLI::App*, std::string) const override {
        return "Usage: fd2 run [OPTIONS] -- COMMAND [ARG...]\n";
    }
};

/// What the command line was parsed into.
struct parsed {
    common_options common;
    run_options run;
    std::string backend, transport, tail, forward, log;
    int stats_fd = -1;
    std::string directory, shell, file, topic;
    std::vector<std::string> names;
    bool json = false, origin = false;
};

void add_common(CLI::App& app, common_options& to) {
    app.add_option("--config", to.config,
                   "Read this file instead of the usual ones (none: no file)")
        ->type_name("FILE");
    app.add_option("--plugin-path", to.plugin_path, "Look for plugins here first")
        ->type_name("DIR")
        ->allow_extra_args(false);
    app.add_option("--set", to.set,
                   "Set any key of the configuration, for instance capture.tail=1MiB")
        ->type_name("KEY=VALUE")
        ->allow_extra_args(false);
}

void add_run(CLI::App& app, parsed& to) {
    CLI::App* run = app.add_subcommand("run", "Run a command and carry its stderr");
    run->formatter(std::make_shared<run_help>());
    run->footer(run_footer);
    run->prefix_command();
    add_common(*run, to.common);
    run->add_option("--backend", to.backend,
                    "Use this backend (a name or a plugin's path), or fail")
        ->type_name("NAME");
    run->add_option("--transport", to.transport, "sync or async: whose list of backends")
        ->type_name("KIND");
    run->add_option("--tail", to.tail, "Keep this much of the stderr, for instance 256KiB or 100B")
        ->type_name("SIZE");
    run->add_option("--forward", to.forward, "raw, lines, lossy or off: how stderr is passed on")
        ->type_name("MODE");
    run->add_flag("--explain", to.run.explain, "Tell at the end what happened, on stderr");
    run->add_option("--stats", to.run.stats_file, "Write a report (JSON) to this file")
        ->type_name("FILE");
    run->add_option("--stats-fd", to.stats_fd, "Write the report to this descriptor")
        ->type_name("N");
    run->add_option("--log", to.log, "Log to this file (JSON lines)")->type_name("FILE");
    run->add_option("--tail-out", to.run.tail_file, "Write the newest stderr bytes to this file")
        ->type_name("FILE");
}

void add_config(CLI::App& app, parsed& to) {
    CLI::App* config = app.add_subcommand("config", "Check and show the configuration");
    config->require_subcommand(1);
    CLI::App* check = config->add_subcommand("check", "Validate a file");
    check->add_option("file", to.file, "The file")->required()->type_name("FILE");
    CLI::App* show = config->add_subcommand("show", "Print the effective values");
    show->add_flag("--origin", to.origin, "Tell where each value comes from");
    show->add_flag("--json", to.json, "As JSON");
    add_common(*show, to.common);
    config->add_subcommand("schema", "Print the JSON Schema of fd2.yaml");
    config->add_subcommand("defaults", "Print a commented fd2.yaml with every default");
}

void add_rest(CLI::App& app, parsed& to) {
    CLI::App* link = app.add_subcommand(
        "link", "Make DIR/ssh a link to fd2, for tools that take one word as remote shell");
    link->add_option("dir", to.directory, "The directory, made if it is missing")
        ->required()
        ->type_name("DIR");
    link->add_option("name", to.names, "Other names than ssh")->type_name("NAME");
    CLI::App* plugins = app.add_subcommand("plugins", "List the backends and try each of them");
    plugins->add_flag("--json", to.json, "As JSON");
    add_common(*plugins, to.common);
    CLI::App* doctor =
        app.add_subcommand("doctor", "Tell what works here, and what to do about the rest");
    doctor->footer(doctor_footer);
    doctor->add_flag("--json", to.json, "As JSON");
    add_common(*doctor, to.common);
    app.add_subcommand("version", "Print the version")->add_flag("--json", to.json, "As JSON");
    CLI::App* completion = app.add_subcommand("completion", "Print a completion script");
    completion->footer(completion_footer);
    completion->add_option("shell", to.shell, "bash, zsh or fish")->required()->type_name("SHELL");
    app.add_subcommand("help", "Print the help of a command")
        ->add_option("command", to.topic, "The command")
        ->type_name("COMMAND");
}

/// Options that stand for a key of the configuration.
void translate(parsed& from) {
    auto& to = from.common.shorthand;
    const auto add = [&to](const char* key, const std::string& value, const char* name) {
        if (!value.empty()) to.push_back({key, value, name});
    };
    add("backends", from.backend, "--backend");
    add("transport", from.transport, "--transport");
    add("capture.tail", from.tail, "--tail");
    add("forward.mode", from.forward, "--forward");
    if (!from.log.empty()) {
        std::error_code ignored;
        add("log.file", std::filesystem::absolute(from.log, ignored).string(), "--log");
        add("log.lines", "true", "--log");
    }
    from.run.explicit_backend = !from.backend.empty();
    if (from.stats_fd >= 0) from.run.stats_fd = from.stats_fd;
}

int print_version(bool json) {
    if (json) {
        std::printf("{\"schema\":\"fd2.version/1\",\"version\":\"%s\",\"abi\":\"1-rc\"}\n",
                    FD2_VERSION);
    } else {
        std::printf("fd2 %s (channel ABI 1, release candidate)\n", FD2_VERSION);
    }
    return 0;
}

int run_config(const CLI::App& config, const parsed& given) {
    if (config.got_subcommand("check")) {
        return config_check(given.file, std::cout, std::cerr, backends_in, wrong_options);
    }
    if (config.got_subcommand("schema")) return config_schema(std::cout);
    if (config.got_subcommand("defaults")) return config_defaults(std::cout);
    const auto loaded = load_settings(given.common, true);
    return loaded ? config_show(*loaded, given.origin, given.json, std::cout) : 1;
}

/// Behind fd2's own options stands the command, with or without `--`; a later `--` is its own.
/// Returns the arguments that are ours.
std::vector<std::string> split_command(int argc, char** argv, std::vector<std::string>& behind) {
    std::vector<std::string> ours(argv + 1, argv + argc);
    if (ours.empty() || ours.front() != "run") return ours;
    const auto mark = std::find(ours.begin(), ours.end(), "--");
    behind.assign(mark, ours.end());
    ours.erase(mark, ours.end());
    return ours;
}

int run_command(const CLI::App& app, parsed& given, std::vector<std::string> behind,
                const process_start& start) {
    auto& command = given.run.command;
    const CLI::App& run_app = *app.get_subcommand("run");
    command = run_app.remaining();
    if (!command.empty() && command.front().starts_with('-') && command.front().size() > 1) {
        complain(unknown_word(run_app, command.front()) +
                 "; a command that begins with - goes behind --");
        return own_failure;
    }
    // The mark is ours only if the command does not stand before it.
    if (command.empty() && !behind.empty()) behind.erase(behind.begin());
    command.insert(command.end(), behind.begin(), behind.end());
    if (command.empty()) {
        complain("run: no command; write: fd2 run [OPTIONS] -- COMMAND [ARG...]");
        return own_failure;
    }
    translate(given);
    given.run.common = given.common;
    return run(given.run, start);
}

int run_as(const std::string& name, int argc, char** argv, const process_start& start) {
    const auto program = next_on_path(name);
    if (!program) {
        complain(name + ": no other command of this name on PATH (this one is a link to fd2)");
        return not_found;
    }
    run_options options;
    options.command.assign(argv, argv + argc);
    options.command.front() = name;
    options.program = *program;
    return run(options, start);
}

int dispatch(int argc, char** argv, const process_start& start) {
    if (const auto name = borrowed_name(argv[0])) return run_as(*name, argc, argv, start);

    CLI::App app(
        "fd2 runs a command, leaves its stdin and stdout alone, and carries its stderr: kept,\n"
        "counted, passed on, never in the way.",
        "fd2");
    parsed given;
    bool version = false;
    app.footer(main_footer);
    app.add_flag("--version", version, "Print the version");
    app.require_subcommand(0, 1);
    const bool running = argc > 1 && std::string_view(argv[1]) == "run";
    add_run(app, given);
    if (!running) {  // a run is waited for, and knows of no other command
        add_rest(app, given);
        add_config(app, given);
    }
    for (CLI::App* one : app.get_subcommands([](const CLI::App*) { return true; })) {
        if (one->get_footer() == main_footer) one->footer("");
    }

    std::vector<std::string> behind;
    std::vector<std::string> ours = split_command(argc, argv, behind);
    std::reverse(ours.begin(), ours.end());
    try {
        app.parse(ours);
    } catch (const CLI::ParseError& why) {
        if (why.get_exit_code() == 0) return app.exit(why, std::cout, std::cerr);
        complain(usage_mistake(app, why));
        return running ? own_failure : usage_error;
    }
    if (running) return run_command(app, given, std::move(behind), start);
    if (version || app.got_subcommand("version")) return print_version(given.json);
    if (app.got_subcommand("link")) {
        return link(given.directory,
                    given.names.empty() ? std::vector<std::string>{"ssh"} : given.names);
    }
    if (app.got_subcommand("plugins")) return plugins(given.common, given.json, std::cout);
    if (app.got_subcommand("doctor")) {
        return doctor::examine(given.common, start.closed, given.json, std::cout);
    }
    if (app.got_subcommand("config")) return run_config(*app.get_subcommand("config"), given);
    if (app.got_subcommand("completion")) return completion(given.shell, app, std::cout);
    if (app.got_subcommand("help") && !given.topic.empty()) {
        const auto topics = app.get_subcommands(
            [&](const CLI::App* one) { return one->get_name() == given.topic; });
        if (topics.empty()) {
            complain(unknown_word(app, given.topic));
            return usage_error;
        }
        std::cout << topics.front()->help("fd2");
        return 0;
    }
    std::cout << app.get_formatter()->make_help(&app, app.get_name(), CLI::AppFormatMode::Normal);
    return app.got_subcommand("help") ? 0 : usage_error;
}

}  // namespace

int main(int argc, char** argv) {
    // Before anything else: what we were given is what the command gets.
    process_start start;
    const auto closed = fd2::process::secure_standard_fds();
    if (!closed) return own_failure;  // there is nowhere to say it
    start.closed = *closed;
    auto inherited = fd2::process::inherited_state::capture();
    if (!inherited) {
        complain(inherited.error().message);
        return own_failure;
    }
    start.inherited = *inherited;
    try {
        const int status = dispatch(argc, argv, start);
        std::cout.flush();
        if (!std::cout) {
            complain("writing to stdout failed");
            return status == 0 ? 1 : status;
        }
        return status;
    } catch (const std::exception& why) {
        complain(why.what());
        return own_failure;
    }
}
