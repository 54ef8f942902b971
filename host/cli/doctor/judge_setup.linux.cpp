#include <algorithm>
#include <cerrno>
#include <set>

#include "base/text_list.hpp"
#include "cli/doctor/judge.hpp"
#include "settings/quantity.hpp"
#include "settings/remarks.hpp"

namespace fd2::cli::doctor {

namespace {

using settings::diagnostic;
using settings::looked_for;

std::string seen_of(const diagnostic& mistake) {
    return mistake.at.text() + ": " + (mistake.key.empty() ? "" : mistake.key + ": ") +
           mistake.message;
}

std::string bytes(std::uint64_t count) {
    return std::to_string(count) + " bytes";
}

/// Adds a mistake of the configuration; `advice` is for one that has none of its own.
void add_mistake(level how, const diagnostic& mistake, const char* advice, report& out) {
    out.add(how, "configuration", seen_of(mistake),
            mistake.advice.empty() ? advice : mistake.advice);
}

/// Says a failure and what to do about it, as one finding.
void add_failure(level how, const std::string& subject, const std::string& prefix,
                 const failure& why, report& out) {
    out.add(how, subject, prefix + why.message, advice_for(why));
    out.said.push_back(why.message);
}

/// "make one of these usable: pipe, tcpshim"; `more` is another way out.
std::string make_usable(const std::vector<std::string>& list, const std::string& more = {}) {
    if (list.size() == 1) return "make " + list.front() + " usable" + more;
    return "make one of these usable" + more + ": " + join(list, ", ");
}

/// Whether a line about a backend or the configuration says this already.
bool was_said(const failure& why, const report& out) {
    return why.code == errc::config ||
           std::find(out.said.begin(), out.said.end(), why.message) != out.said.end();
}

}  // namespace

std::string advice_for(const failure& why) {
    if (!why.advice.empty()) return why.advice;
    switch (why.sys_errno) {
        case EMFILE:
            return "raise the open file limit: ulimit -n";
        case ENFILE:
            return "the system is out of open files, or this user has too many pipes: close some, "
                   "or "
                   "raise fs.file-max or fs.pipe-user-pages-hard";
        case EAGAIN:
            return "no process or thread could be created: raise ulimit -u, TasksMax= or pids.max";
        case ENOMEM:
            return "free memory, or raise the memory limit of the control group";
        case ENETUNREACH:
        case EADDRNOTAVAIL:
        case ENETDOWN:
            return "run as root: ip link set lo up";
        default:
            break;
    }
    if (why.code == errc::denied || why.sys_errno == ENOSYS) {
        return "allow the call in the container's seccomp filter, or choose another backend";
    }
    if (why.code == errc::config) return "fix it: fd2 config show --origin says where it is set";
    if (why.operation_size != 0) return "find out why this call fails: fd2 run depends on it";
    return "rebuild or reinstall the plugin; see docs/troubleshooting.md";
}

void judge_configuration(const settings::loaded& loaded, report& out) {
    for (const diagnostic& mistake : loaded.diagnostics) {
        if (mistake.level == severity::error && loaded.steps_aside()) {
            add_mistake(level::warning, mistake, "fix it before fd2 is enabled again", out);
        } else if (mistake.level == severity::error) {
            out.run_fails = true;
            add_mistake(level::problem, mistake,
                        "fix it; until then every run fails with status 125", out);
        } else {
            add_mistake(level::warning, mistake, "fix it or remove it", out);
        }
    }
    if (const auto remark = settings::remark_on_switch(loaded)) {
        add_mistake(level::warning, *remark, "", out);
    }
    // With transport async the run that is tried tells it.
    const auto on_flag = settings::remark_on_flag(loaded);
    if (on_flag && loaded.values.transport == settings::transport_kind::sync) {
        add_mistake(level::note, *on_flag, "", out);
    }
    if (!loaded.rules.empty()) {
        out.add(level::note, "configuration",
                count_of(loaded.rules.size(), "rule") +
                    ": these checks are for commands to which none of them applies",
                "fd2 config explain -- COMMAND says which one applies to a command");
    }
    std::vector<std::string> absent;
    for (const auto& [path, result] : loaded.searched) {
        if (result == looked_for::outcome::absent) absent.push_back(path);
        if (result != looked_for::outcome::read) continue;
        const bool clean = std::none_of(
            loaded.diagnostics.begin(), loaded.diagnostics.end(),
            [&file = path](const diagnostic& mistake) { return mistake.at.name == file; });
        if (clean) out.add(level::ok, "configuration", path + ": valid");
    }
    if (loaded.files.empty() && loaded.ok()) {
        out.add(level::ok, "configuration",
                absent.empty() ? "no configuration file is used"
                               : "no file (" + join(absent, ", ") + "); the built-in values apply");
    }
}

void judge_options(std::span<const diagnostic> wrong, report& out) {
    for (const diagnostic& mistake : wrong) add_mistake(level::problem, mistake, "fix it", out);
}

void judge_log(const settings::log_settings& config, int error, report& out) {
    if (config.file.empty()) return;
    if (error == 0) {
        out.add(level::ok, "log", config.file + ": writable");
        return;
    }
    if (config.required) out.run_fails = true;
    out.add(config.required ? level::problem : level::warning, "log",
            with_errno(config.file + ": not writable", error) + ": " +
                (config.required ? "runs fail with status 125" : "runs continue without a log"),
            "make it writable, or set log.file to another file");
}

void judge_report(const settings::report_settings& config, int error, report& out) {
    if (config.file.empty()) return;
    if (error == 0) {
        out.add(level::ok, "report", config.file + ": writable");
        return;
    }
    out.add(level::warning, "report",
            with_errno(config.file + ": not writable", error) +
                ": each run prints an error, and its report is lost",
            "make it writable, or set report.file to another file");
}

void judge_directories(std::span<const channel::contents> found, report& out) {
    const bool any = std::any_of(found.begin(), found.end(),
                                 [](const auto& directory) { return !directory.plugins.empty(); });
    std::set<std::string> seen;
    for (const auto& directory : found) {
        if (!seen.insert(directory.where.path).second) continue;
        const bool callers = directory.where.source == channel::trust_source::caller;
        const std::string subject = "plugins in " + directory.where.path;
        if (directory.error != 0 && directory.error != ENOENT) {
            out.add(level::warning, subject, with_errno("cannot be read", directory.error),
                    "make the directory readable for this user");
        } else if (directory.error == ENOENT) {
            // A file may name a directory that only other machines have.
            out.add(callers ? level::warning
                    : any   ? level::ok
                            : level::note,
                    subject, "the directory is missing",
                    callers ? "fix FD2_PLUGIN_PATH or --plugin-path"
                    : any   ? ""
                            : "install fd2 with its plugins");
        } else if (directory.refused) {
            add_failure(level::problem, subject, "", *directory.refused, out);
        } else if (directory.plugins.empty() && directory.hidden.empty()) {
            out.add(callers ? level::warning : level::note, subject, "no plugins",
                    "fix FD2_PLUGIN_PATH or --plugin-path, or put the plugins there");
        } else {
            out.add(level::ok, subject,
                    count_of(directory.plugins.size(), "backend") +
                        (callers ? ", trusted because the caller named the directory" : ""));
        }
        for (const auto& file : directory.foreign) {
            out.add(level::note, subject, file + " is not named like a backend and is ignored",
                    "a backend is called NAME.so, with NAME in lower-case letters, digits and '-'; "
                    "remove other files");
        }
        for (const auto& file : directory.hidden) {
            out.add(level::note, subject,
                    file + " is not used: an earlier directory has a backend of the same name",
                    "remove one of the two, or swap the order of the directories");
        }
    }
    if (!any) {
        out.add(
            level::problem, "plugins", "no backend was found",
            "install the plugins, or name their directory with --plugin-path or FD2_PLUGIN_PATH");
    }
}

void judge_backend(const plugin_row& row, const backend_numbers& numbers, bool listed,
                   report& out) {
    const std::string subject = "backend " + row.backend;
    if (row.why_not && row.why_not->code == errc::config) {
        out.add(level::warning, subject, "not tried: its options are invalid",
                "fix them; the errors are listed above");
        return;
    }
    if (row.why_not) {
        add_failure(listed || !row.loaded ? level::warning : level::note, subject,
                    listed ? "" : "unusable, but not in the list: ", *row.why_not, out);
        return;
    }
    std::string seen = row.version + ", over " + row.medium;
    if (numbers.of_lines && numbers.of_blocks) {
        seen += ", holds " + std::to_string(*numbers.of_lines) + " bytes in lines, " +
                std::to_string(*numbers.of_blocks) + " in blocks";
    } else if (row.capacity != 0) {
        seen += ", reports a capacity of " + bytes(row.capacity);
    }
    const bool claims = std::find(row.capabilities.begin(), row.capabilities.end(), "reopenable") !=
                        row.capabilities.end();
    if (claims && !numbers.by_name.value_or(true)) {
        out.add(level::warning, subject, seen + "; /dev/stderr cannot be opened by name",
                "mount /proc; until then, programs that open /dev/stderr fail");
        return;
    }
    if (numbers.by_name.value_or(false)) seen += "; /dev/stderr can be opened";
    out.add(level::ok, subject, seen);
    if (row.medium == "tcp" && row.settles) {
        out.add(listed ? level::warning : level::note, subject,
                "the kernel does not report data in transit (NETLINK_SOCK_DIAG): if a helper still "
                "holds stderr, reading ends when nothing has arrived for a while",
                "allow AF_NETLINK sockets and load the module tcp_diag, or raise options." +
                    row.backend + ".settle");
    }
}

void judge_socket_buffer(const plugin_row& row, const settings::settings& config,
                         const number& wmem_max, report& out) {
    if (row.medium != "socketpair" || row.capacity == 0) return;
    std::string asked;
    for (const auto& option : row.options) {
        if (option.name == "sndbuf") asked = option.initial;
    }
    if (const auto own = config.options.find(row.backend); own != config.options.end()) {
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
        if (said) return;
        out.add(level::ok, subject, limit + ": socket pairs get the buffer they ask for");
        return;
    }
    out.add(
        level::note, subject,
        limit + ": " + row.backend + " asks for " + asked + " and gets " + bytes(row.capacity / 2),
        "run as root: sysctl -w net.core.wmem_max=" + std::to_string(size) +
            "; until then commands block earlier in a burst; or use pipe");
}

void judge_trial(const trial& seen, const std::vector<std::string>& list, report& out) {
    const std::string subject = "a run";
    const std::string tried = join(list, ", ");
    out.would_use = seen.backend;
    if (seen.died) {
        failure why = *seen.died;
        if (why.operation_size == 0) {
            why.advice =
                list.size() == 1
                    ? "reinstall " + tried + ", or list another backend"
                    : "remove the backend that does this from the list, or reinstall it: " + tried;
        }
        add_failure(level::problem, subject, "", why, out);
        return;
    }
    for (const auto& [backend, why] : seen.attempts) {
        if (was_said(why, out)) continue;
        failure told = why;
        if (backend.starts_with('/') && why.sys_errno == ENOENT) {
            told.advice = "correct the path in the list, or install the plugin";
        }
        add_failure(level::warning, subject, "skips " + backend + ": ", told, out);
    }
    const bool misconfigured =
        !seen.attempts.empty() && seen.attempts.back().why.code == errc::config;
    if (seen.backend.empty() && misconfigured) {
        out.add(
            level::problem, subject,
            "fails with status 125: an option of " + seen.attempts.back().backend + " is invalid",
            "fix it; the error is listed above");
    } else if (seen.backend.empty()) {
        out.add(level::problem, subject, "fails with status 125: " + seen.why,
                make_usable(list, ", or turn on fallback.inherit"));
    } else if (seen.backend == "inherit") {
        const bool chosen = seen.attempts.empty();
        out.add(chosen ? level::warning : level::problem, subject,
                "captures nothing, the command inherits fd2's stderr: " + seen.why,
                chosen ? "set features.ssh-socketpair-stderr: true, or transport: sync"
                       : make_usable(list));
    } else if (seen.no_shell) {
        out.add(level::note, subject,
                "uses " + seen.backend + "; no command was run: " + seen.command->message,
                "repair /bin/sh if your commands need it");
    } else if (seen.command) {
        out.run_fails = true;
        add_failure(level::problem, subject,
                    "with " + seen.backend + " a command could not be run: ", *seen.command, out);
    } else if (!seen.ended.empty()) {
        out.add(level::problem, subject,
                "with " + seen.backend + " the test shell ended with " + seen.ended,
                "check that /bin/sh works and that the limits below are high enough");
    } else if (!seen.whole) {
        out.add(level::problem, subject,
                "with " + seen.backend + " the capture misses what the command wrote",
                "try another backend (--backend), and report a bug");
    } else {
        out.add(level::ok, subject,
                "tries " + tried + "; uses " + seen.backend +
                    "; a test command was run and its stderr captured");
    }
    if (seen.started && seen.pidfd != 0) {
        out.add(level::warning, subject, with_errno("the command has no pidfd", seen.pidfd),
                advice_for(system_failure("pidfd_open", "", seen.pidfd)));
    }
}

void judge_by_name(const trial& seen, std::span<const backend_numbers> all, report& out) {
    for (const auto& numbers : all) {
        if (numbers.backend != seen.backend || numbers.by_name.value_or(true)) continue;
        out.add(level::warning, "/dev/stderr of ssh",
                "cannot be opened by name over " + numbers.backend +
                    " (echo x > /dev/stderr in a ProxyCommand or a LocalCommand)",
                "if your ssh starts such a command: --backend pipe, or require: [reopenable]; "
                "commands other than ssh follow require-unless-ssh");
    }
}

}  // namespace fd2::cli::doctor
