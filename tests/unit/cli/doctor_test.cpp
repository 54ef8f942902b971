// What fd2 doctor makes of a machine; the machines are made up.
#include <cerrno>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/doctor/judge.hpp"
#include "support/catch.hpp"

using namespace fd2::cli::doctor;

namespace {

/// Whether a finding of this level and subject holds `word`, in what was seen or advised.
bool says(const report& all, level how, const std::string& subject, const std::string& word) {
    for (const finding& one : all.findings) {
        if (one.how == how && one.subject == subject &&
            (one.seen + one.advice).find(word) != std::string::npos) {
            return true;
        }
    }
    return false;
}

machine healthy() {
    machine out;
    out.kernel = "Linux 6.1";
    out.err.what = own_stderr::kind::pipe;
    out.err.writer = "reopened";
    out.dev_stderr = {0, "/proc/self/fd/2", true};
    out.page_size = {4096, 0};
    out.pipe_size = {65536, 0};
    out.limit.files = {1024, 0};
    out.limit.files_hard = {4096, 0};
    out.limit.files_open = 24;
    out.limit.tasks = {5000, 0};
    out.limit.tasks_cgroup = {limits::unlimited, 0};
    return out;
}

report judged(const machine& seen) {
    report out;
    judge_kernel(seen, out);
    judge_stderr(seen, out);
    judge_pipes(seen, out);
    judge_limits(seen.limit, "pipe", 2, out);
    judge_loopback(seen.loopback, false, out);
    return out;
}

}  // namespace

TEST_CASE("a machine without a fault has no finding but ok") {
    const report all = judged(healthy());
    CHECK(all.count(level::ok) == all.findings.size());
    CHECK(says(all, level::ok, "open files", "about 500 channels"));
    CHECK(all.summary() == "no problems found; fd2 run would fail");
}

TEST_CASE("every system call that is refused has a line with a way out") {
    machine seen;
    seen.proc = EACCES;
    seen.pidfd = seen.socketpair = seen.loopback = ENOSYS;
    seen.err.error = EBADF;
    seen.dev_stderr.error = ENOENT;
    seen.pipe_size.error = ENFILE;
    seen.limit.files.error = seen.limit.tasks.error = EPERM;
    seen.limit.tasks_cgroup.error = ENOENT;
    const report all = judged(seen);
    CHECK(says(all, level::warning, "/proc", "EACCES"));
    CHECK(says(all, level::warning, "pidfd", "ENOSYS"));
    CHECK(says(all, level::warning, "socketpair", "ENOSYS"));
    CHECK(says(all, level::note, "loopback", "ENOSYS"));
    CHECK(says(all, level::warning, "stderr", "EBADF"));
    CHECK(says(all, level::warning, "pipes", "fs.file-max"));
    CHECK(says(all, level::warning, "open files", "ulimit -n"));
    for (const finding& one : all.findings) {
        INFO(one.subject << ": " << one.seen);
        CHECK((one.how == level::ok || !one.advice.empty()));
    }
}

TEST_CASE("a full control group is a warning, an unlimited one is none") {
    machine seen = healthy();
    seen.limit.tasks_in_cgroup = {90, 0};
    CHECK(judged(seen).count(level::warning) == 0);
    seen.limit.tasks_cgroup = {100, 0};
    CHECK(says(judged(seen), level::warning, "processes and threads", "90 of 100"));
    seen.limit.tasks_cgroup = {1000, 0};
    CHECK(judged(seen).count(level::warning) == 0);
}

TEST_CASE("the limit of open files is raised where it may be, and else its hard one") {
    machine seen = healthy();
    seen.limit.files = {40, 0};
    CHECK(says(judged(seen), level::warning, "open files", "ulimit -n 4096"));
    seen.limit.files_hard = {40, 0};
    CHECK(says(judged(seen), level::warning, "open files", "LimitNOFILE="));
    seen.limit.files = seen.limit.files_hard = {limits::unlimited, 0};
    CHECK(says(judged(seen), level::ok, "open files", "unlimited"));
}

TEST_CASE("a pipe is measured in pages of this machine") {
    machine seen = healthy();
    seen.page_size = {65536, 0};
    CHECK(says(judged(seen), level::warning, "pipes", "instead of 1048576"));
    seen.pipe_size = {1048576, 0};
    CHECK(says(judged(seen), level::ok, "pipes", "1048576"));
}

TEST_CASE("a failure of a backend leads to what mends it") {
    using fd2::errc;
    const auto of = [](errc code, int error, std::string advice = {}) {
        return advice_for(fd2::advise({code, error, "plugin refused: no x.so"}, std::move(advice)));
    };
    CHECK(of(errc::resource, EMFILE).find("ulimit -n") != std::string::npos);
    CHECK(of(errc::resource, EAGAIN).find("ulimit -u") != std::string::npos);
    CHECK(of(errc::unsupported, ENETUNREACH).find("lo up") != std::string::npos);
    CHECK(of(errc::denied, EPERM).find("allow the call") != std::string::npos);
    CHECK(of(errc::denied, EPERM, "run: chmod x") == "run: chmod x");
    CHECK(of(errc::config, 0).find("--origin") != std::string::npos);
    CHECK(advice_for(fd2::system_failure("open", "/dev/null", ENOENT)).find("depends on it") !=
          std::string::npos);
    CHECK(of(errc::internal, 0).find("reinstall") != std::string::npos);
}

TEST_CASE("a command whose bytes did not arrive is a problem") {
    trial seen;
    seen.backend = "pipe";
    seen.started = true;
    report all;
    judge_trial(seen, {"pipe"}, all);
    CHECK(says(all, level::problem, "a run", "misses"));
    seen.ended = "status 2";
    judge_trial(seen, {"pipe"}, all);
    CHECK(says(all, level::problem, "a run", "status 2"));
    seen.command = fd2::system_failure("fork", "", EAGAIN);
    judge_trial(seen, {"pipe"}, all);
    CHECK(says(all, level::problem, "a run", "ulimit -u"));
    CHECK(all.count(level::ok) == 0);
}

TEST_CASE("a backend that claims to be reopenable and is not is a warning") {
    fd2::cli::plugin_row row;
    row.backend = "x";
    row.capabilities = {"reopenable"};
    backend_numbers numbers;
    numbers.by_name = false;
    report all;
    judge_backend(row, numbers, true, all);
    CHECK(says(all, level::warning, "backend x", "by name"));
}

TEST_CASE("the summary counts, and says what a run would use") {
    report all;
    all.would_use = "pipe";
    all.add(level::problem, "a", "b", "c");
    all.add(level::problem, "a", "b", "c");
    all.add(level::warning, "a", "b", "c");
    CHECK(all.summary() == "2 problems, 1 warning; fd2 run would use pipe");
    all.would_use = "inherit";
    CHECK(all.summary().find("capture nothing") != std::string::npos);
}

TEST_CASE("what a stranger wrote cannot forge a line, nor break the JSON") {
    report all;
    all.add(level::note, "a\nproblem  b", "c\033[2J\xff", "d\re");
    std::ostringstream text;
    text_printer({}, false, text).end(all);
    CHECK(text.str() ==
          "note     a\\nproblem  b: c\\x1b[2J\\xff\n         d\\re\n"
          "1 note; fd2 run would fail\n");
    std::ostringstream data;
    print_json(all, data);
    CHECK(nlohmann::json::parse(data.str())["checks"][0]["advice"] == "d\re");
}

TEST_CASE("what is wrong is printed when it is found, the notes at the end, and ok on request") {
    for (const bool verbose : {false, true}) {
        std::ostringstream text;
        report all;
        text_printer printer({}, verbose, text);
        all.watch = [&](const finding& one) { printer.see(one); };
        all.add(level::ok, "a", "good");
        all.add(level::note, "b", "noted", "do");
        CHECK(text.str().empty());
        all.add(level::problem, "c", "broken", "mend");
        const std::string wrong = "problem  c: broken\n         mend\n";
        CHECK(text.str() == wrong);
        all.add(level::warning, "d", "less", "more");
        printer.end(all);
        CHECK(text.str() ==
              wrong + "warning  d: less\n         more\nnote     b: noted\n         do\n" +
                  (verbose ? "ok       a: good\n" : "ok       1 check; -v lists them\n") +
                  "1 problem, 1 warning, 1 note; fd2 run would fail\n");
    }
}

TEST_CASE("where every run fails, no backend is said to be used") {
    report all;
    all.would_use = "pipe";
    fd2::settings::log_settings log;
    log.file = "/nowhere/log";
    log.required = true;
    judge_log(log, ENOENT, all);
    CHECK(says(all, level::problem, "log", "status 125"));
    std::ostringstream data;
    print_json(all, data);
    CHECK(nlohmann::json::parse(data.str())["summary"]["would_use"].is_null());
    CHECK(all.summary() == "1 problem; fd2 run would fail");
}

TEST_CASE("a report file that cannot be written is a warning") {
    report all;
    judge_report({"/nowhere/reports"}, ENOENT, all);
    CHECK(says(all, level::warning, "report", "/nowhere/reports: not writable"));
    judge_report({"/var/reports"}, 0, all);
    CHECK(says(all, level::ok, "report", "writable"));
}

TEST_CASE("a finding is as wide as the screen, with colour where there is some") {
    std::ostringstream text;
    report all;
    all.would_use = "pipe";
    all.add(level::note, "a thing", "is longer than a line", "so it is wrapped as well");
    text_printer({24, true}, false, text).end(all);
    CHECK(text.str() ==
          "\033[36mnote\033[0m     a thing: is\n"
          "         longer than a\n"
          "         line\n"
          "         so it is\n"
          "         wrapped as well\n"
          "\033[1m1 note; fd2 run would\nuse pipe\033[0m\n");
}
