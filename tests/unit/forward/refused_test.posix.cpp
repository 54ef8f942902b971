// Where the re-open, /proc, or a thread is refused.
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pty.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <termios.h>

#include <thread>

#include "unit/forward/support.posix.hpp"

using namespace forward_test;

namespace {

/// Makes `fd`'s object one that this process may not open: as after su, or sudo -u.
bool refuse_reopen(int fd) {
    if (fchmod(fd, 0) != 0) return false;
    if (geteuid() != 0) return true;
    return setresgid(65534, 65534, 65534) == 0 && setresuid(65534, 65534, 65534) == 0;
}

bool refuse_threads() {
    const auto number = static_cast<unsigned>(offsetof(seccomp_data, nr));
    std::array<sock_filter, 5> rules{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, number),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone3, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    }};
    const sock_fprog program{static_cast<unsigned short>(rules.size()), rules.data()};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

bool hide_proc() {
    return unshare(CLONE_NEWNS) == 0 &&
           mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
           mount("none", "/proc", "tmpfs", 0, nullptr) == 0;
}

/// Forwards `text` through a full pipe that is read meanwhile; 0 when it came complete.
int through_full_pipe(const ends& p, const std::string& before, std::string_view way) {
    const int flags = fcntl(p.ours.get(), F_GETFL);
    const std::string text = pattern(300000);
    std::string got;
    {
        forwarder f(p.ours.get(), {});
        if (f.writer_name() != way) return 10;
        const auto s = f.open({});
        if (give(*s, "one") != flow::more || s->counts().queued != 3) return 11;
        for (std::size_t at = 0; at < text.size(); at += 60000) {
            give(*s, std::string_view(text).substr(at, 60000));
        }
        got = read_exactly(p.theirs.get(), before.size() + 3 + text.size());
        s->finishing();
        if (!s->flush(now() + hang)) return 12;
        give(*s, "direct\n");
        if (read_now(p.theirs.get()) != "direct\n") return 13;
    }
    if (got != before + "one" + text) return 14;
    return fcntl(p.ours.get(), F_GETFL) == flags ? 0 : 15;
}

}  // namespace

TEST_CASE("a pipe that may not be opened anew is written by splice") {
    const ends p = make_pipe();
    const std::string before = fill(p.ours.get());
    CHECK(in_child([&] {
              if (!refuse_reopen(p.ours.get())) return 1;
              return through_full_pipe(p, before, "splice");
          }) == 0);
}

TEST_CASE("a pipe is written by splice where /proc is not there") {
    if (geteuid() != 0) {
        WARN("needs the right to hide /proc");
        return;
    }
    const ends p = make_pipe();
    const std::string before = fill(p.ours.get());
    const int code = in_child([&] {
        if (!hide_proc()) return 77;
        return through_full_pipe(p, before, "splice");
    });
    if (code == 77) {
        WARN("the kernel refuses to hide /proc");
        return;
    }
    CHECK(code == 0);
}

TEST_CASE("a /proc that names something else by our number is not believed") {
    if (geteuid() != 0) {
        WARN("needs the right to hide /proc");
        return;
    }
    const ends p = make_pipe();
    const std::string before = fill(p.ours.get());
    const int code = in_child([&] {
        if (!hide_proc()) return 77;
        const std::string decoy = "/proc/self/fd/" + std::to_string(p.ours.get());
        if (mkdir("/proc/self", 0700) != 0 || mkdir("/proc/self/fd", 0700) != 0) return 1;
        const unique_fd file(open(decoy.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        if (!file) return 2;
        return through_full_pipe(p, before, "splice");
    });
    if (code == 77) {
        WARN("the kernel refuses to hide /proc");
        return;
    }
    CHECK(code == 0);
}

TEST_CASE("splice to a pipe whose reader goes ends with EPIPE") {
    ends p = make_pipe();
    CHECK(in_child([&] {
              if (!refuse_reopen(p.ours.get())) return 1;
              forwarder f(p.ours.get(), {});
              const auto s = f.open({});
              give(*s, "one\n");
              p.theirs.reset();
              return f.failed();
          }) == 0);
    // The parent's own read end is still open above; here nobody holds one.
    CHECK(in_child([&] {
              if (!refuse_reopen(p.ours.get())) return 1;
              std::array<int, 2> fd{};
              if (pipe2(fd.data(), O_CLOEXEC) != 0 || fchmod(fd[1], 0) != 0) return 2;
              forwarder f(fd[1], {});
              const auto s = f.open({});
              give(*s, "one\n");
              close(fd[0]);
              give(*s, "two\n");
              return f.failed() == EPIPE && s->counts().dropped == 4 &&
                             !pipe_signal_blocked::pending()
                         ? 0
                         : 3;
          }) == 0);
}

TEST_CASE("a terminal that may not be opened anew is written by a thread that may stand still") {
    int master = -1;
    int slave = -1;
    termios raw{};
    cfmakeraw(&raw);
    REQUIRE(openpty(&master, &slave, nullptr, &raw, nullptr) == 0);
    const unique_fd theirs(master);
    const unique_fd ours(slave);
    REQUIRE(fcntl(master, F_SETFL, O_NONBLOCK) == 0);
    const int flags = fcntl(slave, F_GETFL);
    CHECK(in_child([&] {
              if (!refuse_reopen(slave)) return 1;
              options chosen;
              chosen.stall = 50 * millisecond;
              calls r;
              forwarder f(slave, chosen);
              if (f.writer_name() != "terminal") return 2;
              const auto s = f.open(r.call());
              if (give(*s, "one\n") == flow::pause && !r.wait(1)) return 3;
              if (read_exactly(master, 4) != "one\n") return 4;
              if (!s->flush(now() + hang)) return 5;
              if (tcflow(slave, TCOOFF) != 0) return 6;
              if (give(*s, "held\n") != flow::pause) return 7;
              s->finishing();
              if (s->flush(now() + hang)) return 8;
              if (s->counts().dropped != 5 || !adds_up(*s)) return 9;
              // The thread stands in its write: the destructor gets it out.
              return 0;
          }) == 0);
    CHECK(fcntl(slave, F_GETFL) == flags);
}

TEST_CASE("without a thread the offering thread waits up to the limit, then drops") {
    const ends p = make_pipe();
    const std::string before = fill(p.ours.get());
    const blocked_policy how =
        GENERATE(blocked_policy::automatic, blocked_policy::wait, blocked_policy::drop);
    CHECK(in_child([&] {
              if (!refuse_threads()) return 1;
              listener heard;
              forwarder f(p.ours.get(), with(how, 1 << 20, 20 * millisecond), &heard);
              const auto s = f.open({});
              if (give(*s, "lost\n") != flow::more) return 2;
              if (s->counts().dropped != 5) return 3;
              if (heard.messages().size() != 1) return 4;
              if (!f.note("note\n")) return 5;
              if (read_now(p.theirs.get()) != before) return 6;
              if (give(*s, "next\n") != flow::more) return 7;
              if (read_now(p.theirs.get()) != "note\nnext\n") return 8;
              s->finishing();
              s->flush(now() + hang);
              return s->counts().dropped == 5 && s->counts().forwarded == 5 && f.failed() == 0 ? 0
                                                                                               : 9;
          }) == 0);
}

TEST_CASE("what is queued when the forwarder ends goes out if it can go out at once") {
    const ends p = make_pipe();
    const std::string before = fill(p.ours.get());
    CHECK(in_child([&] {
              if (!refuse_threads()) return 1;  // so that nobody but the destructor can write it
              {
                  forwarder f(p.ours.get(), {});
                  if (!f.note("goodbye\n")) return 2;
                  if (read_now(p.theirs.get()) != before) return 3;
              }
              return read_now(p.theirs.get()) == "goodbye\n" ? 0 : 4;
          }) == 0);
}

TEST_CASE("without a thread a reader that is only slow loses nothing") {
    const ends p = make_pipe();
    const std::string before = fill(p.ours.get());
    const std::string text = pattern(600000);
    std::string got;
    const pid_t pid = fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
        alarm(100);
        if (!refuse_threads()) _exit(1);
        forwarder f(p.ours.get(), with(blocked_policy::automatic, 1 << 20, hang));
        const auto s = f.open({});
        for (std::size_t at = 0; at < text.size(); at += 60000) {
            give(*s, std::string_view(text).substr(at, 60000));
        }
        _exit(s->flush(now() + hang) ? 0 : 2);
    }
    got = read_exactly(p.theirs.get(), before.size() + text.size());
    int status = 0;
    REQUIRE(waitpid(pid, &status, 0) == pid);
    CHECK(status == 0);
    CHECK(got == before + text);
}

TEST_CASE("without a thread, a terminal that could block for ever is not written at all") {
    int master = -1;
    int slave = -1;
    REQUIRE(openpty(&master, &slave, nullptr, nullptr, nullptr) == 0);
    const unique_fd theirs(master);
    const unique_fd ours(slave);
    CHECK(in_child([&] {
              if (!refuse_reopen(slave) || !refuse_threads()) return 1;
              forwarder f(slave, {});
              const auto s = f.open({});
              if (give(*s, "lost\n") != flow::more) return 2;
              return s->counts().dropped == 5 ? 0 : 3;
          }) == 0);
}
