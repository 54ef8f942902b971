#include <algorithm>
#include <cerrno>

#include "cli/doctor/judge.hpp"

namespace fd2::cli::doctor {

namespace {

using kind = own_stderr::kind;

// What a pipe holds unless its user has too many: 16 pages.
constexpr std::uint64_t pages_of_a_pipe = 16;

// Below this a program with a handful of channels, or a run with a long list of backends, is near
// its limit.
constexpr std::uint64_t few_channels = 16;
constexpr std::uint64_t few_tasks = 16;

std::string text(const number& value) {
    if (value.error != 0) return "unknown (" + errno_name(value.error) + ")";
    return value.value == limits::unlimited ? "unlimited" : std::to_string(value.value);
}

std::string described(const own_stderr& err) {
    static constexpr const char* kinds[] = {"a terminal", "a pipe",    "a socket",
                                            "a file",     "/dev/null", "a device"};
    std::string out = kinds[static_cast<std::size_t>(err.what)];
    if (!err.name.empty() && err.what != kind::null) out += " (" + err.name + ")";
    return out;
}

std::string how_written(std::string_view way) {
    if (way == "reopened") return "written through a private opening";
    if (way == "socket") return "written with sendmsg, which does not wait";
    if (way == "plain") return "written as it is";
    return "cannot be opened again (another user's, or no /proc): written by ";
}

void judge_dev_stderr(const stderr_name& seen, int proc, report& out) {
    const char* const subject = "/dev/stderr";
    const char* const mend = "run as root: ln -sfn /proc/self/fd/2 /dev/stderr";
    if (proc != 0 && seen.error != 0) {
        out.add(level::warning, subject, "cannot be followed without /proc",
                "mount /proc; programs that open it fail until then");
    } else if (seen.error != 0) {
        out.add(level::warning, subject,
                seen.target.empty() ? "is not there (" + errno_name(seen.error) + ")"
                                    : "leads to " + seen.target + ", which cannot be looked at (" +
                                          errno_name(seen.error) + ")",
                mend);
    } else if (!seen.ours) {
        out.add(level::warning, subject,
                seen.target.empty() ? "is no link to a program's own stderr"
                                    : "leads to " + seen.target + ", not to a program's own stderr",
                mend);
    } else {
        out.add(level::ok, subject, "leads to a program's own stderr");
    }
}

}  // namespace

void judge_kernel(const machine& seen, report& out) {
    out.add(level::ok, "kernel",
            seen.kernel.empty() ? "its name is not told"
                                : seen.kernel + (seen.filtered ? ", under a seccomp filter" : ""));
    if (seen.proc == 0) {
        out.add(level::ok, "/proc", "mounted");
    } else {
        out.add(
            level::problem, "/proc",
            seen.proc == ENODEV ? "is no procfs" : "cannot be used (" + errno_name(seen.proc) + ")",
            "mount it: mount -t proc proc /proc; plugins are loaded and our stderr is opened "
            "again through it");
    }
    if (seen.pidfd != 0) {
        out.add(level::warning, "pidfd", "pidfd_open is refused (" + errno_name(seen.pidfd) + ")",
                "allow it (a filter of the container?), or use a kernel from 5.3 on; without a "
                "pidfd a run cannot wait for its command and for its stderr together");
    } else {
        out.add(level::ok, "pidfd", "can be had");
    }
    if (seen.socketpair != 0) {
        out.add(level::warning, "socketpair",
                "is refused (" + errno_name(seen.socketpair) + ")" +
                    (seen.filtered ? "; a seccomp filter is in force" : ""),
                "allow it in the container's filter, or say: backends: { sync: [pipe] }");
    }
}

void judge_stderr(const machine& seen, report& out) {
    const own_stderr& err = seen.err;
    const char* const subject = "our stderr";
    if (err.closed) {
        out.add(level::warning, subject, "was closed at the start: nothing is forwarded",
                "give it one: 2>FILE, or 2>/dev/null where none is wanted");
    } else if (err.error != 0) {
        out.add(level::warning, subject, "cannot be looked at (" + errno_name(err.error) + ")",
                "give it another one: 2>FILE");
    } else if (!err.writable) {
        out.add(level::warning, subject,
                described(err) + ", not open for writing: nothing is forwarded",
                "open it for writing: 2>FILE, not 2<FILE");
    } else if (err.reader_gone) {
        out.add(level::warning, subject, described(err) + " that nobody reads any more",
                "nothing is forwarded; what comes is captured: --tail-out FILE keeps it");
    } else if (err.full) {
        out.add(level::warning, subject, described(err) + " that takes nothing now: it is full",
                "read its other end (on a terminal: Ctrl-Q); forward.when-blocked and "
                "forward.stall say what becomes of a run meanwhile");
    } else if (err.way == "splice" || err.way == "terminal") {
        out.add(level::note, subject,
                described(err) + ", " + how_written(err.way) +
                    (err.way == "splice" ? "splice" : "a thread"),
                "nothing need be done; a stderr of one's own (after su: script, or 2>FILE) is "
                "written directly");
    } else {
        out.add(level::ok, subject, described(err) + ", " + how_written(err.way));
    }
    if (!err.closed && err.non_blocking) {
        out.add(level::warning, subject,
                "is non-blocking, for everybody who shares it: programs that do not expect it lose "
                "output",
                "fd2 copes; find who set O_NONBLOCK (an ssh without fd2 does), or give each its "
                "own: 2> >(cat >&2)");
    }
    judge_dev_stderr(seen.dev_stderr, seen.proc, out);
}

void judge_pipes(const machine& seen, report& out) {
    const char* const subject = "pipes";
    if (seen.pipe_size.error != 0) {
        out.add(level::warning, subject,
                "none can be made (" + errno_name(seen.pipe_size.error) + ")",
                way_out(system_failure("pipe2", "", seen.pipe_size.error)));
        return;
    }
    const std::string known =
        "; a user's soft limit is " + text(seen.pipe_user_pages_soft) + " pages, the hard one " +
        (seen.pipe_user_pages_hard.error == 0 && seen.pipe_user_pages_hard.value == 0
             ? "off"
             : text(seen.pipe_user_pages_hard)) +
        ", one pipe may have " + text(seen.pipe_max_size) + " bytes";
    const std::uint64_t usual = pages_of_a_pipe * seen.page_size.value;
    if (seen.pipe_size.value < usual) {
        out.add(level::warning, subject,
                "a new one holds " + std::to_string(seen.pipe_size.value) + " bytes in place of " +
                    std::to_string(usual) + known,
                "this user's pipes are over the soft limit: close some, raise "
                "fs.pipe-user-pages-soft, or prefer socketpair");
    } else {
        out.add(level::ok, subject,
                "a new one holds " + std::to_string(seen.pipe_size.value) + " bytes" + known);
    }
}

void judge_limits(const limits& seen, const std::string& backend, std::uint64_t descriptors,
                  report& out) {
    if (seen.files.error != 0) {
        out.add(level::warning, "open files",
                "the limit is not told (" + errno_name(seen.files.error) + ")",
                "look at `ulimit -n`");
    } else {
        const std::uint64_t free = seen.files.value - std::min(seen.files.value, seen.files_open);
        std::string text_of = text(seen.files) + " (hard limit " + text(seen.files_hard) + "), " +
                              std::to_string(seen.files_open) + " in use";
        const std::uint64_t each = std::max<std::uint64_t>(descriptors, 1);
        if (descriptors != 0 && seen.files.value != limits::unlimited) {
            text_of += ": room for about " + std::to_string(free / each) +
                       " channels of one process over " + backend;
        }
        const bool may_raise = seen.files.value < seen.files_hard.value;
        if (free / each < few_channels) {
            out.add(level::warning, "open files", text_of,
                    may_raise ? "raise it: ulimit -n " + text(seen.files_hard)
                              : "raise the hard limit too: LimitNOFILE= of the service, or "
                                "/etc/security/limits.conf");
        } else {
            out.add(level::ok, "open files", text_of);
        }
    }
    std::string tasks = "at most " + text(seen.tasks) + " of this user";
    const bool grouped = seen.tasks_cgroup.error == 0 && seen.tasks_in_cgroup.error == 0;
    if (grouped) {
        tasks += ", " + std::to_string(seen.tasks_in_cgroup.value) + " of " +
                 text(seen.tasks_cgroup) + " in the control group";
    }
    const bool tight = grouped && seen.tasks_cgroup.value < seen.tasks_in_cgroup.value + few_tasks;
    if (tight || (seen.tasks.error == 0 && seen.tasks.value < few_tasks)) {
        out.add(level::warning, "processes and threads", tasks,
                "raise it: ulimit -u, TasksMax= or pids.max; a run needs a process and a thread "
                "or two");
    } else {
        out.add(level::ok, "processes and threads", tasks);
    }
}

void judge_loopback(int error, bool wanted, report& out) {
    if (error == 0) {
        out.add(level::ok, "loopback", "lo is up");
        return;
    }
    out.add(wanted ? level::warning : level::note, "loopback",
            error == ENETDOWN ? "lo is down" : "lo cannot be looked at (" + errno_name(error) + ")",
            "run as root: ip link set lo up; only TCP as a medium needs it");
}

void judge_programs(const program& fd2, const program& ssh, const program& rsync, report& out) {
    if (fd2.path.empty()) {
        out.add(level::warning, "fd2 on PATH", "is not there: `rsync -e 'fd2 run -- ssh'` fails",
                "put its directory on PATH, or write its whole path in place of fd2");
    } else if (!fd2.ourselves) {
        out.add(level::warning, "fd2 on PATH", fd2.path + " is another one than this",
                "put the directory of the wanted one first on PATH, or write its whole path");
    } else {
        out.add(level::ok, "fd2 on PATH", fd2.path);
    }
    const struct {
        const char* name;
        const program& found;
    } others[] = {{"ssh", ssh}, {"rsync", rsync}};
    for (const auto& [name, found] : others) {
        if (found.path.empty()) {
            out.add(level::note, name, "is not on PATH",
                    std::string("install it, or correct PATH, if runs are to use ") + name);
        } else if (found.ourselves) {
            out.add(level::ok, name, found.path + ", a link to fd2");
        } else {
            out.add(level::ok, name, found.path + (found.says.empty() ? "" : ": " + found.says));
        }
    }
}

}  // namespace fd2::cli::doctor
