// The mask, the dispositions and the handlers of a child, and the kernels that refuse us things.
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <atomic>
#include <csignal>
#include <cstddef>

#include "process/spawn.hpp"
#include "unit/process/support.hpp"

using namespace process_test;
using namespace fd2::process;

namespace {

/// A filter that answers one system call, whose first argument has one of `bits`, with `answer`.
/// Returns what seccomp(2) returns.
long filter(unsigned number, unsigned bits, unsigned answer, unsigned flags = 0) {
    sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[0])),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, answer),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    sock_fprog program{sizeof code / sizeof code[0], code};
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}
constexpr unsigned any_bit = ~0u;

void block_some() {
    sigset_t set;
    sigemptyset(&set);
    for (const int signal : {SIGHUP, SIGCHLD, SIGUSR2, SIGTSTP, SIGCONT, SIGRTMIN + 5, SIGRTMAX}) {
        sigaddset(&set, signal);
    }
    ::sigprocmask(SIG_SETMASK, &set, nullptr);
}

void block_all_by_system_call() {
    const unsigned long all = ~0ul;
    ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, nullptr, sizeof all);
}

void ignore_by_system_call(int signal) {
    const struct {
        void (*handler)(int);
        unsigned long rest[5];
    } action{SIG_IGN, {}};
    ::syscall(SYS_rt_sigaction, signal, &action, nullptr, 8);
}

pid_t hammered = 0;
std::atomic<int> in_parent{0};
std::atomic<int> in_child{0};
extern "C" void on_hammer(int) {
    ++(::syscall(SYS_getpid) == hammered ? in_parent : in_child);
}

}  // namespace

TEST_CASE("a wrapper's child has the mask and the ignored signals of a direct run") {
    const std::vector<std::pair<const char*, std::function<void()>>> starts = {
        {"nothing special", [] {}},
        {"SIGCHLD ignored", [] { ::signal(SIGCHLD, SIG_IGN); }},
        {"SIGPIPE ignored", [] { ::signal(SIGPIPE, SIG_IGN); }},
        {"nohup, background",
         [] {
             ::signal(SIGHUP, SIG_IGN);
             ::signal(SIGINT, SIG_IGN);
             ::signal(SIGQUIT, SIG_IGN);
         }},
        {"stops ignored",
         [] {
             for (const int signal : {SIGTSTP, SIGTTIN, SIGTTOU, SIGCONT}) {
                 ::signal(signal, SIG_IGN);
             }
         }},
        {"some blocked", block_some},
        {"all blocked", block_all_by_system_call},
        {"all ignored",
         [] {
             for (int signal = 1; signal <= 64; ++signal) ignore_by_system_call(signal);
         }},
        {"all of both",
         [] {
             for (int signal = 1; signal <= 64; ++signal) ignore_by_system_call(signal);
             block_all_by_system_call();
         }},
    };
    for (const auto& [name, prepare] : starts) {
        INFO(name);
        const words command{child_program, "signals"};
        // A sanitizer's run-time takes the fault signals for itself before main, unless told.
        const auto quiet = [&prepare = prepare] {
            ::setenv("ASAN_OPTIONS", "handle_segv=0:handle_sigbus=0:handle_sigfpe=0", 1);
            ::setenv("TSAN_OPTIONS", "handle_segv=0:handle_sigbus=0:handle_sigfpe=0", 1);
            prepare();
        };
        const auto direct = run(command, quiet);
        CHECK(direct.output.find("SigIgn") != std::string::npos);
        CHECK(run(wrapped(command), quiet) == direct);
    }
}

TEST_CASE("without a captured state a child gets the caller's present one") {
    const int code = in_fork([] {
        block_some();
        ::signal(SIGQUIT, SIG_IGN);
        struct sigaction action {};
        action.sa_handler = on_hammer;
        ::sigaction(SIGUSR1, &action, nullptr);
        channel out;
        spawn_spec spec;
        spec.argv = {child_program, "signals"};
        spec.standard_output = out.writing.get();
        auto child = spawn(spec);
        if (!child || !child->wait()) return 1;
        out.writing.reset();
        const auto state = inherited_state::capture();
        char expected[100];
        std::snprintf(expected, sizeof expected, "SigBlk:\t%016lx\nSigIgn:\t%016lx\n",
                      static_cast<unsigned long>(state->blocked.bits()),
                      static_cast<unsigned long>(state->ignored.bits()));
        if (!state->ignored.has(SIGQUIT) || !state->blocked.has(SIGRTMAX)) return 2;
        return read_all(out.reading.get()) == expected ? 0 : 3;
    });
    CHECK(code == 0);
}

TEST_CASE("the parent's mask and handlers are as before after a spawn") {
    const int code = in_fork([] {
        block_some();
        struct sigaction action {};
        action.sa_handler = on_hammer;
        ::sigaction(SIGUSR1, &action, nullptr);
        const auto before = inherited_state::capture();
        for (const char* program : {child_program.c_str(), "/nonexistent"}) {
            spawn_spec spec;
            spec.argv = {program, "exit", "0"};
            spec.signals = inherited_state{fd2::signal_set(0), fd2::signal_set::all()};
            auto child = spawn(spec);
        }
        const auto later = inherited_state::capture();
        if (!(before->blocked == later->blocked && before->ignored == later->ignored)) return 1;
        struct sigaction now {};
        ::sigaction(SIGUSR1, nullptr, &now);
        return now.sa_handler == on_hammer ? 0 : 2;
    });
    CHECK(code == 0);
}

TEST_CASE("a captured state can be restored for an exec of our own") {
    const auto prepare = [] {
        block_some();
        ::signal(SIGCHLD, SIG_IGN);
        ::signal(SIGUSR1, SIG_IGN);
    };
    const words command{child_program, "signals"};
    const auto direct = run(command, prepare);
    const auto restored = run(command, [&] {
        prepare();
        const auto given = inherited_state::capture();
        block_all_by_system_call();
        ::signal(SIGUSR1, SIG_DFL);
        ::signal(SIGUSR2, SIG_IGN);
        if (!take_default_sigchld()) ::_exit(119);
        if (!given->restore_dispositions() || !given->restore_mask()) ::_exit(118);
    });
    CHECK(restored == direct);
}

TEST_CASE("handlers of the parent never run in a child, whatever hits the group while it spawns") {
    const int code = in_fork([] {
        if (::setpgid(0, 0) != 0) return 1;
        hammered = ::getpid();
        struct sigaction action {};
        action.sa_handler = on_hammer;
        action.sa_flags = SA_RESTART;
        ::sigaction(SIGUSR1, &action, nullptr);
        const pid_t hammer = ::fork();
        if (hammer == 0) {
            ::signal(SIGUSR1, SIG_IGN);
            for (;;) ::kill(0, SIGUSR1);
        }
        int ran = 0;
        int by_signal = 0;
        for (int i = 0; i < 300; ++i) {
            spawn_spec spec;
            spec.argv = {child_program, "exit", "3"};
            auto child = spawn(spec);
            if (!child) return 2;
            const auto status = child->wait();
            if (!status) return 3;
            if (status->code() == 3) ++ran;
            if (status->signal() == SIGUSR1) ++by_signal;
        }
        ::kill(hammer, SIGKILL);
        ::waitpid(hammer, nullptr, 0);
        if (ran + by_signal != 300) return 4;
        if (in_parent == 0) return 5;
        return in_child == 0 ? 0 : 6;
    });
    CHECK(code == 0);
}

TEST_CASE("a clone that knows no pidfd is followed by pidfd_open") {
    const int code = in_fork([] {
        if (filter(SYS_clone, CLONE_PIDFD, SECCOMP_RET_ERRNO | EINVAL) != 0) return 1;
        spawn_spec spec;
        spec.argv = {child_program, "exit", "23"};
        auto child = spawn(spec);
        if (!child) return 2;
        if (child->pidfd() < 0) return 3;
        const auto status = child->wait(fd2::after(fd2::now(), 60 * fd2::second));
        return status && status->code() == 23 ? 0 : 4;
    });
    CHECK(code == 0);
}

TEST_CASE("a kernel without pidfds is told by ENOSYS, and the child runs") {
    const int code = in_fork([] {
        if (filter(SYS_clone, CLONE_PIDFD, SECCOMP_RET_ERRNO | EINVAL) != 0) return 1;
        if (filter(SYS_pidfd_open, any_bit, SECCOMP_RET_ERRNO | ENOSYS) != 0) return 2;
        spawn_spec spec;
        spec.argv = {child_program, "exit", "23"};
        auto child = spawn(spec);
        if (!child) return 3;
        if (child->pidfd() != -1 || child->pidfd_errno() != ENOSYS) return 4;
        const auto timed = child->wait(fd2::now());
        if (timed || timed.error().code != fd2::errc::unsupported) return 5;
        const auto status = child->wait();
        return status && status->code() == 23 ? 0 : 6;
    });
    CHECK(code == 0);
}

TEST_CASE("a child that is killed before its exec is an ended child, not a lost one") {
    const int code = in_fork([] {
        if (filter(SYS_execve, any_bit, SECCOMP_RET_KILL_PROCESS) != 0) return 1;
        spawn_spec spec;
        spec.argv = {child_program, "exit", "0"};
        auto child = spawn(spec);
        if (!child) return 2;
        const auto status = child->wait();
        return status && status->signal() == SIGSYS ? 0 : 3;
    });
    CHECK(code == 0);
}

TEST_CASE("a parent that dies before the death signal is arranged leaves no child behind") {
    channel alive;
    int listeners[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, listeners) == 0);
    fd2::unique_fd ours(listeners[0]), theirs(listeners[1]);

    // The parent: its child's prctl is held up by a filter that asks us.
    const pid_t parent = ::fork();
    REQUIRE(parent >= 0);
    if (parent == 0) {
        const int listener = static_cast<int>(filter(
            SYS_prctl, PR_SET_PDEATHSIG, SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER));
        if (listener < 0) ::_exit(1);
        alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
        char byte = 0;
        iovec data{&byte, 1};
        msghdr message{};
        message.msg_iov = &data;
        message.msg_iovlen = 1;
        message.msg_control = control;
        message.msg_controllen = sizeof control;
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        *reinterpret_cast<int*>(CMSG_DATA(header)) = listener;
        if (::sendmsg(theirs.get(), &message, 0) != 1) ::_exit(2);
        ::close(listener);
        spawn_spec spec;
        spec.argv = {child_program, "pause"};
        spec.standard_output = alive.writing.get();
        spec.parent_death_signal = SIGKILL;
        auto child = spawn(spec);
        ::_exit(3);
    }
    alive.writing.reset();
    theirs.reset();

    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    char byte = 0;
    iovec data{&byte, 1};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    REQUIRE(::recvmsg(ours.get(), &message, MSG_CMSG_CLOEXEC) == 1);
    REQUIRE(CMSG_FIRSTHDR(&message) != nullptr);
    fd2::unique_fd listener(*reinterpret_cast<int*>(CMSG_DATA(CMSG_FIRSTHDR(&message))));

    seccomp_notif notice{};
    REQUIRE(::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_RECV, &notice) == 0);
    REQUIRE(::kill(parent, SIGKILL) == 0);
    CHECK(WTERMSIG(wait_raw(parent)) == SIGKILL);
    seccomp_notif_resp answer{};
    answer.id = notice.id;
    answer.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    REQUIRE(::ioctl(listener.get(), SECCOMP_IOCTL_NOTIF_SEND, &answer) == 0);

    CHECK(read_all(alive.reading.get()).empty());  // EOF, and it never said "ready"
    ::kill(static_cast<pid_t>(notice.pid), SIGKILL);
}
