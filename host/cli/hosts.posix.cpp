#include "cli/hosts.hpp"

#include <poll.h>
#include <pwd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <optional>
#include <utility>

#include "base/base64.hpp"
#include "base/plain_text.hpp"
#include "base/text_list.hpp"
#include "cli/environment.hpp"
#include "cli/host_survey.hpp"
#include "cli/json_out.hpp"
#include "cli/top.hpp"
#include "control/client.hpp"

namespace fd2::cli {

namespace {

/// The number in decimal for a user without a name.
std::string name_of(uid_t user) {
    const passwd* const entry = ::getpwuid(user);
    return entry != nullptr ? std::string(entry->pw_name) : std::to_string(user);
}

using nlohmann::ordered_json;

constexpr const char* ps_footer =
    R"(Lists the running commands and programs that capture with fd2: yours, or as root everybody's.
Runs shorter than 200 ms are not listed.

Exit status: 0, even if nothing is running; 1 if a PID is not found; 2 for wrong usage.

Examples:
  fd2 ps
  fd2 ps --watch                              again every second, until Ctrl-C
  fd2 ps --json | jq '.channels[] | select(.backend == "pipe") | .pid')";

constexpr const char* top_footer =
    R"(Shows what is running on one screen, updated every second: each channel's bytes per second,
now and over the last few seconds. Quit with q or Ctrl-C. Needs a terminal; elsewhere use
'fd2 ps --watch'.

Examples:
  fd2 top)";

constexpr const char* tail_footer =
    R"(Prints the last lines of a running command's stderr, then new ones as they arrive, until it
ends. If they arrive faster than they can be printed, the command does not wait: lines are skipped
here, and their number is reported.

Exit status: 0 at the end of the stderr, 1 if it cannot be followed, 2 for wrong usage.

Examples:
  fd2 tail 4711                               the run with this pid (fd2 ps lists them)
  fd2 tail -n 100 --no-follow 4711
  fd2 tail 4711:3                             channel 3 of a program that has several)";

constexpr const char* swap_footer =
    R"(Moves a running command's stderr to another backend; not a byte is lost, and the command
notices nothing. Without --to it goes to the first backend in the list that takes it, in the version
installed now: after an upgrade of the plugins, the new one. A channel can move only between
backends for the same kind of object (a pipe, a socket pair, ...); what cannot move stays, and the
reason is printed.

Exit status: 0 if everything named has moved or was already there, 1 if something stayed or did not
answer, 2 for wrong usage.

Examples:
  fd2 swap --to tokio-like-async 4711
  fd2 swap --back 4711                        to the backend that it came from
  fd2 swap --all                              after an upgrade of the plugins)";

constexpr const char* reload_footer =
    R"(Has running hosts read their configuration again. A file with a mistake changes nothing. What
concerns running commands takes effect at once (the list of backends and their options, for the next
swap; with swap.running: hand-over the channels move now), the rest from the next run on.

Exit status: 0 if all of them reloaded, 1 if one refused or did not answer, 2 for wrong usage.

Examples:
  fd2 reload 4711
  fd2 reload --all)";

std::optional<std::uint64_t> number_in(std::string_view text) {
    std::uint64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, number);
    if (text.empty() || read.ec != std::errc() || read.ptr != end) return std::nullopt;
    return number;
}

/// The hosts that were named. Those that are not there are said, and counted.
struct named_hosts {
    std::vector<target> there;
    std::size_t missing = 0;
};

/// Nothing after a message, where a word is no PID.
std::optional<named_hosts> targets_of(const std::vector<std::string>& words,
                                      const std::string& command) {
    const auto sockets = control::list_sockets();
    named_hosts out;
    for (const std::string& word : words) {
        const std::size_t colon = word.find(':');
        const auto pid = number_in(std::string_view(word).substr(0, colon));
        const auto channel =
            colon == word.npos ? std::nullopt : number_in(std::string_view(word).substr(colon + 1));
        if (!pid || (colon != word.npos && !channel)) {
            complain(command + ": '" + word + "' is not a PID or PID:CHANNEL; 'fd2 ps' lists them");
            return std::nullopt;
        }
        bool found = false;
        for (const auto& each : sockets) {
            if (static_cast<std::uint64_t>(each.pid) != *pid) continue;
            out.there.push_back({each, channel});
            found = true;
        }
        if (found) continue;
        complain(command + ": " + word + ": no fd2 run has this pid; 'fd2 ps' lists them");
        ++out.missing;
    }
    return out;
}

struct column {
    std::string_view title;
    bool is_number;
};

constexpr column columns[] = {{"PID", true},      {"USER", false},  {"CHAN", true},
                              {"BACKEND", false}, {"STATE", false}, {"BYTES", true},
                              {"LINES", true},    {"LOST", true},   {"AGE", true}};
constexpr std::size_t user_column = 1;

std::vector<std::string> row_of(const ordered_json& one) {
    return {
        std::to_string(integer_in(one, "host")),
        plain(name_of(static_cast<uid_t>(integer_in(one, "uid")))),
        std::to_string(integer_in(one, "number")),
        plain(text_in(one, "backend")) + (integer_in(one, "generation") > 1
                                              ? "@" + std::to_string(integer_in(one, "generation"))
                                              : ""),
        plain(text_in(one, "state")),
        short_size(integer_in(one, "bytes")),
        short_size(integer_in(one, "lines")),
        short_size(integer_in(one, "forward_dropped")),
        short_time(integer_in(one, "age"))};
}

void print_survey(const survey& seen, const screen& terminal, std::ostream& out) {
    std::vector<std::vector<std::string>> rows = {{}};
    for (const column& each : columns) rows.front().emplace_back(each.title);
    for (const auto& one : seen.channels) rows.push_back(row_of(one));
    // Whose they are is news only to root, and only if they are not all root's.
    const bool others =
        std::any_of(seen.channels.begin(), seen.channels.end(), [](const auto& one) {
            return integer_in(one, "uid") != static_cast<std::int64_t>(::geteuid());
        });
    std::size_t widths[std::size(columns)] = {};
    for (std::size_t i = 0; i < std::size(columns); ++i) {
        for (const auto& row : rows) widths[i] = std::max(widths[i], columns_of(row[i]));
    }
    const auto line = [&](const auto& cells, const std::string& command, ink how) {
        std::string text;
        for (std::size_t i = 0; i < std::size(columns); ++i) {
            if (i == user_column && !others) continue;
            const std::string gap(widths[i] - columns_of(cells[i]), ' ');
            text += (columns[i].is_number ? gap + cells[i] : cells[i] + gap) + "  ";
        }
        text += command;
        if (terminal.width != 0 && columns_of(text) > terminal.width) {
            // Commands are long: what does not fit is cut, and --json has it all.
            while (columns_of(text) >= terminal.width) text.pop_back();
            text += '+';
        }
        out << terminal.paint(how, text) << '\n';
    };
    line(rows.front(), "COMMAND", ink::bold);
    for (std::size_t i = 0; i < seen.channels.size(); ++i)
        line(rows[i + 1], command_in(seen.channels[i]), ink::plain);
    for (const std::string& name : seen.silent)
        out << "host " << name << " does not answer (stopped?)\n";
}

int ps(const host_options& given, const output_options& shown, std::ostream& out) {
    const screen terminal = look_at_stdout(shown.colour);
    const int interval = 1000;
    for (;;) {
        named_hosts hosts{all_targets(), 0};
        if (!given.targets.empty()) {
            auto named = targets_of(given.targets, "ps");
            if (!named) return usage_error;
            hosts = std::move(*named);
        }
        const survey seen = ask_all(hosts.there);
        if (given.watch && terminal.width != 0) out << "\x1b[H\x1b[2J";
        if (given.json) {
            const ordered_json all = {{"schema", "fd2.ps/1"},
                                      {"hosts", seen.hosts},
                                      {"channels", seen.channels},
                                      {"silent", seen.silent}};
            if (given.watch) {
                out << all.dump(-1, ' ', false, ordered_json::error_handler_t::replace) << '\n';
            } else {
                print_json(all, out);
            }
        } else {
            print_survey(seen, terminal, out);
        }
        out.flush();
        if (!given.watch) return hosts.missing == 0 ? 0 : 1;
        // Not only Ctrl-C ends it: so does the reader of our stdout, when it goes.
        pollfd reader{STDOUT_FILENO, 0, 0};
        if (::poll(&reader, 1, interval) > 0 && (reader.revents & (POLLERR | POLLHUP)) != 0)
            return 0;
    }
}

/// What is after the text of a line, for a person.
void print_lines(const ordered_json& lines, std::ostream& out) {
    for (const auto& line : lines) {
        const std::string raw = text_in(line, "raw");
        const auto bytes = raw.empty() ? std::nullopt : decode_base64(raw);
        out << (bytes ? *bytes : text_in(line, "text"));
        if (!line.value("more", false)) out << '\n';
    }
}

int tail(const host_options& given, std::ostream& out) {
    std::optional<std::uint64_t> count;
    if (!given.count.empty()) {
        count = number_in(given.count);
        if (!count) {
            complain("tail: --lines: '" + given.count +
                     "' is not a number; write, for example, 100");
            return usage_error;
        }
    }
    const auto named = targets_of(given.targets, "tail");
    if (!named) return usage_error;
    if (named->missing != 0) return 1;
    const target& one = named->there.front();
    auto connection = control::client::connect(one.host);
    if (!connection) {
        complain("tail: " + text_of(connection.error()));
        return 1;
    }
    ordered_json parameters = {{"follow", !given.no_follow}};
    if (count) parameters["count"] = *count;
    if (one.channel) parameters["channel"] = *one.channel;
    auto answer = connection->call("Tail", std::move(parameters), after(now(), answer_time), true);
    for (;;) {
        if (!answer) {
            complain("tail: " + text_of(answer.error()));
            return 1;
        }
        if (!answer->error.empty()) {
            complain("tail: " + given.targets.front() + ": " + control::text_of(*answer));
            return 1;
        }
        print_lines(list_in(answer->parameters, "lines"), out);
        const std::int64_t lost = integer_in(answer->parameters, "lost");
        out.flush();
        if (lost != 0)
            complain("tail: " + std::to_string(lost) + " lines arrived too fast and were skipped");
        if (!answer->continues || !out) return 0;
        // Until there is more, or nobody reads what we print.
        pollfd waits[] = {{connection->descriptor(), POLLIN, 0}, {STDOUT_FILENO, 0, 0}};
        if (::poll(waits, 2, -1) > 0 && waits[0].revents == 0 &&
            (waits[1].revents & (POLLERR | POLLHUP)) != 0) {
            return 0;
        }
        answer = connection->next(never);
    }
}

/// The hosts that swap and reload are for, or nothing after a message.
std::optional<named_hosts> meant(const host_options& given, const std::string& command) {
    if (given.all == !given.targets.empty()) {
        complain(command + (given.all ? ": --all and a PID cannot be used together"
                                      : ": which one? give a PID listed by 'fd2 ps', or --all"));
        return std::nullopt;
    }
    return given.all ? named_hosts{all_targets(), 0} : targets_of(given.targets, command);
}

void print_moves(const ordered_json& answer, const target& one, std::ostream& out, bool& stayed) {
    const auto place = [&](const ordered_json& entry) {
        return std::to_string(one.host.pid) + ":" + std::to_string(integer_in(entry, "channel"));
    };
    for (const auto& entry : list_in(answer, "moved")) {
        out << place(entry) << ": " << plain(text_in(entry, "from")) << " -> "
            << plain(text_in(entry, "to"));
        if (integer_in(entry, "generation") > 1 || text_in(entry, "from") == text_in(entry, "to"))
            out << " (version " << integer_in(entry, "generation") << ")";
        out << ", reading paused for " << integer_in(entry, "pause_us") << " us\n";
    }
    for (const auto& entry : list_in(answer, "kept")) {
        const std::string reason = text_in(entry, "reason");
        stayed = stayed || !reason.starts_with("is already on it");
        out << place(entry) << ": stays with " << plain(text_in(entry, "backend")) << ": "
            << plain(reason) << '\n';
    }
}

void print_changes(const ordered_json& answer, const target& one, std::ostream& out) {
    const ordered_json& changes = list_in(answer, "changes");
    out << one.host.pid << ": " << changes.size() << (changes.size() == 1 ? " change" : " changes")
        << '\n';
    for (const auto& entry : changes) {
        const auto spelled = [&](const char* name) {
            const std::string text = text_in(entry, name);
            return text.empty() ? std::string("(none)") : plain(text);
        };
        out << "  " << plain(text_in(entry, "key")) << ": " << spelled("old") << " -> "
            << spelled("new") << (entry.value("applied", false) ? "" : " (from the next run on)")
            << '\n';
    }
}

/// swap and reload: the same question to each of them.
int ask_each(const host_options& given, const std::string& command, const std::string& method,
             const ordered_json& parameters, std::ostream& out) {
    const auto hosts = meant(given, command);
    if (!hosts) return usage_error;
    bool stayed = false;
    bool failed = hosts->missing != 0;
    ordered_json answers = ordered_json::array();
    for (const target& one : hosts->there) {
        const std::string name = std::to_string(one.host.pid);
        auto connection = control::client::connect(one.host);
        if (!connection) {
            if (given.all) continue;  // it has just ended
            complain(command + ": " + text_of(connection.error()));
            failed = true;
            continue;
        }
        ordered_json asked = parameters;
        if (one.channel) asked["channel"] = *one.channel;
        // A plugin's trial, and a loop that is busy, take their time.
        auto answer = connection->call(method, std::move(asked), after(now(), 5 * answer_time));
        if (!answer || !answer->error.empty()) {
            complain_in_lines(command + ": " + name + ": " +
                              (answer ? control::text_of(*answer) : text_of(answer.error())));
            failed = true;
            continue;
        }
        if (given.json) {
            ordered_json entry = {{"host", one.host.pid}};
            entry.update(answer->parameters);
            for (const auto& each : list_in(answer->parameters, "kept")) {
                stayed = stayed || !text_in(each, "reason").starts_with("is already on it");
            }
            answers.push_back(std::move(entry));
            continue;
        }
        if (method == "Reload") print_changes(answer->parameters, one, out);
        print_moves(answer->parameters, one, out, stayed);
    }
    if (given.json) {
        print_json({{"schema", "fd2." + command + "/1"}, {"hosts", std::move(answers)}}, out);
    } else if (hosts->there.empty() && hosts->missing == 0) {
        out << "no host is running\n";
    }
    return failed || (stayed && method == "Swap") ? 1 : 0;
}

void add_targets(CLI::App& command, host_options& given, const char* help) {
    command.add_option("pid", given.targets, help)->type_name("PID[:CHANNEL]");
}

}  // namespace

void add_host_commands(CLI::App& app, host_options& given) {
    const auto flag = [](CLI::App& command, const char* name, bool& value, const char* help) {
        command.add_flag(name, value, help)->disable_flag_override();
    };
    CLI::App* ps = app.add_subcommand("ps", "List what is running and captured");
    ps->footer(ps_footer);
    add_targets(*ps, given, "Only these");
    flag(*ps, "-w,--watch", given.watch, "Print it again every second");
    flag(*ps, "--json", given.json, "Print JSON (with --watch, one line each time)");
    CLI::App* top = app.add_subcommand("top", "Watch what is running, with rates");
    top->footer(top_footer);
    CLI::App* tail = app.add_subcommand("tail", "Follow the stderr of a running command");
    tail->footer(tail_footer);
    tail->add_option("pid", given.targets, "The run")->type_name("PID[:CHANNEL]")->required();
    tail->add_option("-n,--lines", given.count, "How many of the newest lines; 10 by default")
        ->type_name("COUNT")
        ->take_last();
    flag(*tail, "--no-follow", given.no_follow, "Do not wait for more");
    CLI::App* swap = app.add_subcommand("swap", "Move running commands to another backend");
    swap->footer(swap_footer);
    add_targets(*swap, given, "Which");
    swap->add_option("--to", given.to, "The backend (a name, or a plugin's absolute path)")
        ->type_name("BACKEND")
        ->take_last();
    flag(*swap, "--back", given.back, "Move to the backend that it was moved from");
    flag(*swap, "--all", given.all, "Everything that is running");
    flag(*swap, "--json", given.json, "Print JSON");
    CLI::App* reload = app.add_subcommand("reload", "Have running hosts read their configuration");
    reload->footer(reload_footer);
    add_targets(*reload, given, "Which");
    flag(*reload, "--all", given.all, "Everything that is running");
    flag(*reload, "--json", given.json, "Print JSON");
}

int run_host_command(const CLI::App& app, const host_options& given, const output_options& shown,
                     std::ostream& out) {
    if (app.got_subcommand("ps")) return ps(given, shown, out);
    if (app.got_subcommand("top")) return top(out);
    if (app.got_subcommand("tail")) return tail(given, out);
    if (app.got_subcommand("swap")) {
        if (given.back && !given.to.empty()) {
            complain("swap: --back and --to cannot be used together");
            return usage_error;
        }
        ordered_json parameters = ordered_json::object();
        if (!given.to.empty()) parameters["backend"] = given.to;
        if (given.back) parameters["back"] = true;
        return ask_each(given, "swap", "Swap", parameters, out);
    }
    if (app.got_subcommand("reload"))
        return ask_each(given, "reload", "Reload", ordered_json::object(), out);
    return -1;
}

}  // namespace fd2::cli
