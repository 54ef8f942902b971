#include <algorithm>
#include <cerrno>

#include "cli/doctor/judge.hpp"
#include "settings/quantity.hpp"

namespace fd2::cli::doctor {

namespace {

using settings::diagnostic;
using settings::looked_for;

std::string joined(const std::vector<std::string>& words, const char* between = ", ") {
    std::string out;
    for (const auto& word : words) out += (out.empty() ? "" : between) + word;
    return out;
}

void add_diagnostic(const diagnostic& one, report& out) {
    std::string seen = one.at.text() + ": ";
    if (!one.key.empty()) seen += one.key + ": ";
    const bool fatal = one.level == severity::error;
    out.add(fatal ? level::problem : level::warning, "configuration", seen + one.message,
            !one.way_out.empty() ? one.way_out
            : fatal              ? "correct it; a run ends with status 125 until then"
                                 : "correct it, or take it away");
}

std::string bytes(std::uint64_t count) {
    return std::to_string(count) + " bytes";
}

std::string plural(std::size_t count, const std::string& what) {
    return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

/// The part of a message behind its last "; run: ", which a refusal of the loader ends with.
bool split_command(const std::string& message, std::string& before, std::string& command) {
    constexpr std::string_view mark = "; run: ";
    const std::size_t at = message.rfind(mark);
    if (at == message.npos) return false;
    before = message.substr(0, at);
    command = message.substr(at + 2);
    return true;
}

/// Says a failure with its way out, as one finding.
void add_failure(level how, const std::string& subject, const std::string& prefix,
                 const failure& why, report& out) {
    std::string before;
    std::string command;
    const bool split = split_command(why.message, before, command);
    out.add(how, subject, prefix + (split ? before : why.message), split ? command : way_out(why));
}

/// Whether a line about a backend or the configuration says this already.
bool was_said(const failure& why, const report& out) {
    std::string text;
    std::string command;
    if (!split_command(why.message, text, command)) text = why.message;
    return why.code == errc::config ||
           std::any_of(out.findings.begin(), out.findings.end(),
                       [&](const finding& one) { return one.seen.ends_with(text); });
}

}  // namespace

std::string way_out(const failure& why) {
    switch (why.sys_errno) {
        case EMFILE:
            return "raise the limit of open files: ulimit -n";
        case ENFILE:
            return "the system has no open files left, or this user too many pipes: close some, or "
                   "raise fs.file-max or fs.pipe-user-pages-hard";
        case EAGAIN:
            return "no process or thread could be made: raise ulimit -u, TasksMax= or pids.max";
        case ENOMEM:
            return "free memory, or raise the memory limit of the control group";
        case ENETUNREACH:
        case EADDRNOTAVAIL:
        case ENETDOWN:
            return "run as root: ip link set lo up";
        default:
            break;
    }
    if (why.code == errc::denied && why.message.starts_with("plugin refused")) {
        return "mend what is named, or name a directory of your own with --plugin-path";
    }
    if (why.code == errc::denied || why.sys_errno == ENOSYS) {
        return "allow the call (a seccomp filter of the container?), or choose another backend";
    }
    if (why.code == errc::config)
        return "correct it: fd2 config show --origin says where it stands";
    if (why.message.starts_with("no ")) {
        return "install it, or name the directory that has it with --plugin-path";
    }
    if (why.message.starts_with("does not meet")) {
        return "take it out of `require`, or list a backend that has it (fd2 plugins tells)";
    }
    if (why.operation_size != 0) return "see what is wrong with what is named: fd2 run needs it";
    return "build or copy the plugin again; see docs/troubleshooting.md";
}

void judge_configuration(const settings::loaded& loaded, report& out) {
    for (const auto& one : loaded.diagnostics) add_diagnostic(one, out);
    std::vector<std::string> absent;
    for (const auto& [path, result] : loaded.searched) {
        if (result == looked_for::outcome::absent) absent.push_back(path);
        if (result != looked_for::outcome::read) continue;
        const bool clean =
            std::none_of(loaded.diagnostics.begin(), loaded.diagnostics.end(),
                         [&file = path](const diagnostic& one) { return one.at.name == file; });
        if (clean) out.add(level::ok, "configuration", path + ": read, and valid");
    }
    if (loaded.files.empty() && loaded.ok()) {
        out.add(level::ok, "configuration",
                absent.empty() ? "no file was looked for"
                               : "no file (" + joined(absent) + "): the built-in values");
    }
}

void judge_options(const failure& why, report& out) {
    // "PLACE: error: KEY: ...": the level stands before it.
    std::string text = why.message;
    constexpr std::string_view word = ": error: ";
    if (const std::size_t at = text.find(word); at != text.npos)
        text.replace(at, word.size(), ": ");
    out.add(level::problem, "configuration", text, way_out(why));
}

void judge_log(const settings::log_settings& with, int error, report& out) {
    if (with.file.empty()) return;
    if (error == 0) {
        out.add(level::ok, "log", with.file + ": can be written");
    } else {
        out.add(level::problem, "log",
                with.file + ": cannot be written (" + errno_name(error) +
                    "): a run ends with status 125",
                "make it writable, or choose another one: log.file");
    }
}

void judge_directories(std::span<const loader::contents> found, report& out) {
    const bool any = std::any_of(found.begin(), found.end(),
                                 [](const auto& one) { return !one.plugins.empty(); });
    std::vector<std::string> seen;
    for (const auto& one : found) {
        const std::string& path = one.where.path;
        if (std::find(seen.begin(), seen.end(), path) != seen.end()) continue;
        seen.push_back(path);
        const bool callers = one.where.word == loader::trust::callers;
        const std::string subject = "plugins in " + path;
        if (one.error != 0 && one.error != ENOENT) {
            out.add(level::warning, subject, "cannot be read (" + errno_name(one.error) + ")",
                    "make the directory readable for this user");
        } else if (one.error == ENOENT) {
            // The one beside the executable and the installed one: one of them is enough.
            out.add(callers ? level::warning
                    : any   ? level::ok
                            : level::note,
                    subject, "the directory is not there",
                    callers ? "correct FD2_PLUGIN_PATH or --plugin-path"
                    : any   ? ""
                            : "install fd2 with its plugins");
        } else if (one.refused) {
            add_failure(level::problem, subject, "", *one.refused, out);
        } else if (one.plugins.empty() && one.hidden.empty()) {
            out.add(callers ? level::warning : level::note, subject, "there is none",
                    "correct FD2_PLUGIN_PATH or --plugin-path, or put the plugins there");
        } else {
            out.add(
                level::ok, subject,
                plural(one.plugins.size(), "backend") + (callers ? ", by the caller's word" : ""));
        }
        for (const auto& file : one.foreign) {
            out.add(level::note, "plugins in " + path,
                    file + " is no backend by its name, and not looked at",
                    "a backend is called NAME.so, NAME of lower case, digits and '-'; take away "
                    "what is none");
        }
        for (const auto& file : one.hidden) {
            out.add(level::note, "plugins in " + path,
                    file + " is not used: an earlier directory has one of this name",
                    "take away one of the two, or turn the directories round");
        }
    }
    if (!any) {
        out.add(level::problem, "plugins", "no backend was found",
                "install them, or name their directory with --plugin-path or FD2_PLUGIN_PATH");
    }
}

void judge_backend(const plugin_row& row, const backend_numbers& numbers, bool listed,
                   report& out) {
    const std::string subject = "backend " + row.backend;
    if (row.why_not && row.why_not->code == errc::config) {
        out.add(level::warning, subject, "not tried: its options are wrong",
                "correct them; what is wrong stands above");
        return;
    }
    if (row.why_not) {
        add_failure(listed || !row.loaded ? level::warning : level::note, subject,
                    listed ? "" : "not usable, and not in the list: ", *row.why_not, out);
        return;
    }
    std::string seen = row.version + ", over " + row.medium;
    if (numbers.of_lines && numbers.of_blocks) {
        seen += ", holds " + std::to_string(*numbers.of_lines) + " bytes of lines, " +
                std::to_string(*numbers.of_blocks) + " in blocks";
    } else if (row.capacity != 0) {
        seen += ", says it holds " + bytes(row.capacity);
    }
    const bool claims = std::find(row.capabilities.begin(), row.capabilities.end(), "reopenable") !=
                        row.capabilities.end();
    if (numbers.by_name && claims && !*numbers.by_name) {
        out.add(level::warning, subject, seen + "; its /dev/stderr cannot be opened by name",
                "mount /proc; programs that open /dev/stderr fail until then");
        return;
    }
    if (numbers.by_name && *numbers.by_name) seen += "; /dev/stderr can be opened";
    out.add(level::ok, subject, seen);
    if (row.medium == "tcp" && row.settles) {
        out.add(listed ? level::warning : level::note, subject,
                "the kernel does not tell what is under way (NETLINK_SOCK_DIAG): where a helper "
                "stays behind, its end is found by silence",
                "allow AF_NETLINK sockets, load the module tcp_diag; or raise options." +
                    row.backend + ".settle");
    }
}

void judge_socket_buffer(const plugin_row& row, const settings::settings& with,
                         const number& wmem_max, report& out) {
    if (row.medium != "socketpair" || row.capacity == 0) return;
    std::string asked;
    for (const auto& option : row.options) {
        if (option.name == "sndbuf") asked = option.initial;
    }
    if (const auto own = with.options.find(row.backend); own != with.options.end()) {
        if (const auto it = own->second.find("sndbuf"); it != own->second.end()) {
            asked = it->second.text;
        }
    }
    const auto wanted = settings::parse_size(asked);
    if (!wanted.value || *wanted.value == 0) return;
    const auto size = static_cast<std::uint64_t>(*wanted.value);
    const std::string limit = wmem_max.error == 0 ? std::to_string(wmem_max.value)
                                                  : "unknown, " + errno_name(wmem_max.error);
    const std::string subject = "net.core.wmem_max";
    // The kernel doubles what it grants.
    if (row.capacity >= 2 * size) {
        const bool said = std::any_of(out.findings.begin(), out.findings.end(),
                                      [&](const finding& one) { return one.subject == subject; });
        if (!said) out.add(level::ok, subject, limit + ": socket pairs get what they ask for");
        return;
    }
    out.add(
        level::note, subject,
        limit + ": " + row.backend + " asks for " + asked + " and gets " + bytes(row.capacity / 2),
        "run as root: sysctl -w net.core.wmem_max=" + std::to_string(size) +
            "; until then commands wait earlier in a burst, or take pipe");
}

void judge_trial(const trial& seen, const std::vector<std::string>& list, report& out) {
    const std::string subject = "a run";
    out.would_use = seen.backend;
    for (const auto& [backend, why] : seen.trail) {
        if (!was_said(why, out)) {
            add_failure(level::warning, subject, "passes over " + backend + ": ", why, out);
        }
    }
    const bool misconfigured = !seen.trail.empty() && seen.trail.back().why.code == errc::config;
    if (seen.backend.empty() && misconfigured) {
        out.add(level::problem, subject,
                "fails with status 125: an option of " + seen.trail.back().backend + " is wrong",
                "correct it; what is wrong stands above");
    } else if (seen.backend.empty()) {
        out.add(level::problem, subject, "fails with status 125: " + seen.why,
                "make one of the list usable, or allow fallback.inherit: " + joined(list));
    } else if (seen.backend == "inherit") {
        const bool chosen = seen.trail.empty();
        out.add(chosen ? level::warning : level::problem, subject,
                "captures nothing, the command inherits our stderr: " + seen.why,
                chosen ? "set features.ssh-socketpair-stderr: true, or transport: sync"
                       : "make one of the list usable: " + joined(list));
    } else if (seen.no_shell) {
        out.add(level::note, subject,
                "takes " + seen.backend + "; no command was run: " + seen.command->message,
                "mend /bin/sh, if commands are to use it");
    } else if (seen.command) {
        add_failure(level::problem, subject,
                    "with " + seen.backend + " a command could not be run: ", *seen.command, out);
    } else if (!seen.ended.empty()) {
        out.add(level::problem, subject,
                "over " + seen.backend + " the shell that was tried ended with " + seen.ended,
                "see whether /bin/sh works, and whether the limits below leave it room");
    } else if (!seen.whole) {
        out.add(level::problem, subject,
                "over " + seen.backend + " the capture does not have what the command wrote",
                "try another one: --backend; and report it");
    } else {
        out.add(level::ok, subject,
                "tries " + joined(list) + ", and takes " + seen.backend +
                    "; a command was run and captured");
    }
    if (seen.started && seen.pidfd != 0) {
        out.add(level::warning, subject,
                "its command has no pidfd (" + errno_name(seen.pidfd) + ")",
                way_out(system_failure("pidfd_open", "", seen.pidfd)));
    }
}

void judge_by_name(const trial& seen, std::span<const backend_numbers> all, report& out) {
    for (const auto& one : all) {
        if (one.backend != seen.backend || !one.by_name || *one.by_name) continue;
        out.add(level::note, "/dev/stderr of a command",
                "cannot be opened by name over " + one.backend +
                    " (echo x > /dev/stderr, tee /dev/stderr)",
                "for commands that do so: --backend pipe, or require: [reopenable]");
    }
}

}  // namespace fd2::cli::doctor
