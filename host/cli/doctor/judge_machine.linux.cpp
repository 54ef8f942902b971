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
    if (value.error != 0) return with_errno("unknown", value.error);
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
    if (way == "reopened") return "reopened and written without blocking";
    if (way == "socket") return "written with sendmsg, without blocking";
    if (way == "plain") return "written directly";
    return std::string(
               "cannot be reopened (owned by another user, or no /proc), so it is written by ") +
           (way == "splice" ? "splice" : "a thread");
}

void judge_dev_stderr(const stderr_name& seen, int proc, report& out) {
    const char* const subject = "/dev/stderr";
    const char* const mend = "run as root: ln -sfn /proc/self/fd/2 /dev/stderr";
    if (proc != 0 && seen.error != 0) {
        out.add(level::warning, subject, "cannot be resolved without /proc",
                "mount /proc; until then, programs that open /dev/stderr fail");
    } else if (seen.error != 0) {
        out.add(level::warning, subject,
                with_errno(seen.target.empty()
                               ? "is missing"
                               : "points to " + seen.target + ", which cannot be accessed",
                           seen.error),
                mend);
    } else if (!seen.ours) {
        out.add(level::warning, subject,
                seen.target.empty()
                    ? "is not a link to a program's own stderr"
                    : "points to " + seen.target + ", not to a program's own stderr",
                mend);
    } else {
        out.add(level::ok, subject, "points to a program's own stderr");
    }
}

}  // namespace

void judge_kernel(const machine& seen, report& out) {
    out.add(level::ok, "kernel",
            seen.kernel.empty() ? "unknown"
                                : seen.kernel + (seen.filtered ? ", with a seccomp filter" : ""));
    if (seen.proc == 0) {
        out.add(level::ok, "/proc", "mounted");
    } else {
        out.add(
            level::warning, "/proc",
            seen.proc == ENODEV ? "is not a procfs mount" : with_errno("cannot be used", seen.proc),
            "mount it: mount -t proc proc /proc; without it fd2 cannot reopen its own stderr "
            "or find the processes that hold the command's stderr");
    }
    if (seen.pidfd != 0) {
        out.add(level::warning, "pidfd", with_errno("pidfd_open fails", seen.pidfd),
                "allow it in the container's seccomp filter, or use Linux 5.3 or later; without a "
                "pidfd fd2 cannot wait for the command and its stderr at the same time");
    } else {
        out.add(level::ok, "pidfd", "supported");
    }
    if (seen.socketpair != 0) {
        out.add(level::warning, "socketpair",
                with_errno("fails", seen.socketpair) +
                    (seen.filtered ? "; a seccomp filter is active" : ""),
                "allow it in the container's seccomp filter, or set backends: { sync: [pipe] }");
    }
}

void judge_stderr(const machine& seen, report& out) {
    const own_stderr& err = seen.err;
    const char* const subject = "stderr";
    if (err.closed) {
        out.add(level::warning, subject, "was closed when fd2 started: nothing is forwarded",
                "open it: 2>FILE, or 2>/dev/null if the output is not wanted");
    } else if (err.error != 0) {
        out.add(level::warning, subject, with_errno("cannot be examined", err.error),
                "redirect it: 2>FILE");
    } else if (!err.writable) {
        out.add(level::warning, subject,
                described(err) + ", not open for writing: nothing is forwarded",
                "open it for writing: 2>FILE, not 2<FILE");
    } else if (err.reader_gone) {
        out.add(level::warning, subject, described(err) + " with no reader left",
                "nothing is forwarded, but stderr is still captured: --tail-out FILE saves it");
    } else if (err.full) {
        out.add(level::warning, subject, described(err) + " that is full",
                "read from its other end (on a terminal press Ctrl-Q); until then "
                "forward.when-blocked and forward.stall decide what a run does");
    } else if (err.writer == "splice" || err.writer == "terminal") {
        out.add(level::note, subject, described(err) + ", " + how_written(err.writer),
                "no action needed; a stderr that you own (after su: run script, or use 2>FILE) is "
                "written directly");
    } else {
        out.add(level::ok, subject, described(err) + ", " + how_written(err.writer));
    }
    if (!err.closed && err.non_blocking) {
        out.add(level::warning, subject,
                "is non-blocking for every process that shares it: programs that do not expect "
                "this lose output",
                "fd2 handles this; find out what set O_NONBLOCK (ssh without fd2 does), or give "
                "each process its own: 2> >(cat >&2)");
    }
    judge_dev_stderr(seen.dev_stderr, seen.proc, out);
}

void judge_pipes(const machine& seen, report& out) {
    const char* const subject = "pipes";
    if (seen.pipe_size.error != 0) {
        out.add(level::warning, subject, with_errno("cannot be created", seen.pipe_size.error),
                advice_for(system_failure("pipe2", "", seen.pipe_size.error)));
        return;
    }
    const std::string known =
        "; soft limit per user " + text(seen.pipe_user_pages_soft) + " pages, hard limit " +
        (seen.pipe_user_pages_hard.error == 0 && seen.pipe_user_pages_hard.value == 0
             ? "off"
             : text(seen.pipe_user_pages_hard)) +
        ", at most " + text(seen.pipe_max_size) + " bytes per pipe";
    const std::uint64_t usual = pages_of_a_pipe * seen.page_size.value;
    if (seen.pipe_size.value < usual) {
        out.add(level::warning, subject,
                "a new pipe holds " + std::to_string(seen.pipe_size.value) + " bytes instead of " +
                    std::to_string(usual) + known,
                "this user has exceeded the soft limit: close some pipes, raise "
                "fs.pipe-user-pages-soft, or prefer socketpair");
    } else {
        out.add(level::ok, subject,
                "a new pipe holds " + std::to_string(seen.pipe_size.value) + " bytes" + known);
    }
}

void judge_limits(const limits& seen, const std::string& backend, std::uint64_t descriptors,
                  report& out) {
    if (seen.files.error != 0) {
        out.add(level::warning, "open files", with_errno("the limit is unknown", seen.files.error),
                "check `ulimit -n`");
    } else {
        const std::uint64_t free = seen.files.value - std::min(seen.files.value, seen.files_open);
        std::string text_of = text(seen.files) + " (hard limit " + text(seen.files_hard) + "), " +
                              std::to_string(seen.files_open) + " in use";
        const std::uint64_t each = std::max<std::uint64_t>(descriptors, 1);
        if (descriptors != 0 && seen.files.value != limits::unlimited) {
            text_of += ": enough for about " + std::to_string(free / each) +
                       " channels per process with " + backend;
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
    std::string tasks = "at most " + text(seen.tasks) + " for this user";
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
            error == ENETDOWN ? "lo is down" : with_errno("lo cannot be examined", error),
            "run as root: ip link set lo up; only backends over TCP need it");
}

void judge_programs(const program& fd2, const program& ssh, const program& rsync, report& out) {
    if (fd2.path.empty()) {
        out.add(level::warning, "fd2 on PATH", "missing, so `rsync -e 'fd2 run -- ssh'` fails",
                "add its directory to PATH, or use its full path instead of fd2");
    } else if (!fd2.ourselves) {
        out.add(level::warning, "fd2 on PATH", fd2.path + " is a different copy",
                "put the directory of the right one first on PATH, or use its full path");
    } else {
        out.add(level::ok, "fd2 on PATH", fd2.path);
    }
    const struct {
        const char* name;
        const program& found;
    } others[] = {{"ssh", ssh}, {"rsync", rsync}};
    for (const auto& [name, found] : others) {
        if (found.path.empty()) {
            out.add(level::note, name, "not on PATH",
                    std::string("install it or fix PATH if you need ") + name);
        } else if (found.ourselves) {
            out.add(level::ok, name, found.path + ", a link to fd2");
        } else {
            out.add(level::ok, name, found.path + (found.says.empty() ? "" : ": " + found.says));
        }
    }
}

}  // namespace fd2::cli::doctor
