// The decisions for single signals; wrapper_test.cpp and wrapper_jobs_test.cpp try the whole.
#include "process/signals.hpp"

#include <csignal>

#include "support/catch.hpp"

using namespace fd2::process;

namespace {

constexpr pid_t us = 99, child_pid = 100, somebody = 101;

signal_context running() {
    signal_context context;
    context.self = us;
    context.child = child_pid;
    return context;
}

}  // namespace

TEST_CASE("what a process sends is handed on, but for SIGCHLD") {
    for (int signal = 1; signal <= fd2::last_signal; ++signal) {
        INFO(fd2::signal_name(signal));
        for (const int code : {SI_USER, SI_QUEUE, SI_TKILL}) {
            const auto action = decide(signal, code, somebody, running());
            if (signal == SIGCHLD) {
                CHECK(action == signal_action::look_at_child);
            } else {
                CHECK(action == signal_action::forward);
            }
        }
    }
}

TEST_CASE("what the terminal sends has reached the child already") {
    for (const int signal : {SIGINT, SIGQUIT, SIGTSTP, SIGTTIN, SIGTTOU, SIGWINCH, SIGHUP}) {
        CHECK(decide(signal, SI_KERNEL, 0, running()) == signal_action::drop);
    }
    CHECK(decide(SIGCONT, SI_KERNEL, 0, running()) == signal_action::forward);
}

TEST_CASE("what the terminal sends is handed on to a child in another process group") {
    auto context = running();
    context.child_elsewhere = true;
    for (const int signal : {SIGINT, SIGQUIT, SIGTSTP, SIGWINCH, SIGHUP}) {
        CHECK(decide(signal, SI_KERNEL, 0, context) == signal_action::forward);
    }
    // These tell a group that it may not use the terminal; the child's group is told by itself.
    for (const int signal : {SIGTTIN, SIGTTOU}) {
        CHECK(decide(signal, SI_KERNEL, 0, context) == signal_action::drop);
    }
}

TEST_CASE("what our own writing raises is nobody else's") {
    for (const int signal : {SIGPIPE, SIGXFSZ}) {
        CHECK(decide(signal, SI_USER, us, running()) == signal_action::drop);
        CHECK(decide(signal, SI_USER, somebody, running()) == signal_action::forward);
        auto context = running();
        context.child_ended = true;
        CHECK(decide(signal, SI_USER, us, context) == signal_action::drop);
    }
}

TEST_CASE("the watch's SIGCONT is for us alone") {
    auto context = running();
    context.watch = 102;
    CHECK(decide(SIGCONT, SI_USER, 102, context) == signal_action::drop);
    CHECK(decide(SIGCONT, SI_USER, somebody, context) == signal_action::forward);
    CHECK(decide(SIGTERM, SI_USER, 102, context) == signal_action::forward);
}

TEST_CASE("what the kernel sends to us alone is handed on") {
    CHECK(decide(SIGALRM, SI_KERNEL, 0, running()) == signal_action::forward);
    auto leader = running();
    leader.session_leader = true;
    CHECK(decide(SIGHUP, SI_KERNEL, 0, leader) == signal_action::forward);
    CHECK(decide(SIGINT, SI_KERNEL, 0, leader) == signal_action::drop);
}

TEST_CASE("what the child sends is not given back to it") {
    CHECK(decide(SIGTERM, SI_USER, child_pid, running()) == signal_action::drop);
    CHECK(decide(SIGTERM, SI_USER, somebody, running()) == signal_action::forward);
    // Outside SI_USER and its like the field is no sender.
    CHECK(decide(SIGALRM, SI_TIMER, child_pid, running()) == signal_action::forward);
}

TEST_CASE("what we were given as ignored stays ignored, but SIGCONT still continues") {
    auto context = running();
    context.ignored = fd2::signal_set::all();
    CHECK(decide(SIGHUP, SI_USER, somebody, context) == signal_action::drop);
    CHECK(decide(SIGCONT, SI_USER, somebody, context) == signal_action::forward);
    CHECK(decide(SIGCHLD, CLD_STOPPED, child_pid, context) == signal_action::look_at_child);
    context.child_ended = true;
    CHECK(decide(SIGHUP, SI_USER, somebody, context) == signal_action::drop);
}

TEST_CASE("after the child's end a signal that would end us does, wherever it comes from") {
    auto context = running();
    context.child_ended = true;
    for (const int code : {int{SI_USER}, int{SI_KERNEL}}) {
        for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGRTMIN}) {
            CHECK(decide(signal, code, somebody, context) == signal_action::terminate_now);
        }
        for (const int signal : {SIGTSTP, SIGCONT, SIGWINCH, SIGURG}) {
            CHECK(decide(signal, code, somebody, context) == signal_action::drop);
        }
    }
    CHECK(decide(SIGTERM, SI_USER, child_pid, context) == signal_action::drop);
}
