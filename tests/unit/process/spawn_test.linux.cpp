// What a child is given, and how it is found.
#include "process/spawn.hpp"

#include <sched.h>

#include <csignal>

#include "process/command_search.hpp"
#include "unit/process/support.hpp"

using namespace process_test;
using namespace fd2::process;

namespace {

/// Spawns with stdout recorded; the output, after a clean end.
std::string output_of(spawn_spec spec) {
    channel out;
    spec.standard_output = out.writing.get();
    auto child = spawn(spec);
    INFO((child ? std::string() : child.error().message));
    REQUIRE(child);
    out.writing.reset();
    const std::string text = read_all(out.reading.get());
    const auto status = child->wait();
    REQUIRE(status);
    CHECK(status->success());
    return text;
}

spawn_spec of(words argv) {
    spawn_spec spec;
    spec.argv = std::move(argv);
    return spec;
}

}  // namespace

TEST_CASE("a child gets its arguments as they are") {
    const std::string text = output_of(of({child_program, "arguments", "", "a b", "ü\"'*"}));
    CHECK(text.substr(text.find('\n') + 1) == child_program + "\narguments\n\na b\nü\"'*\n");
}

TEST_CASE("argv[0] need not be the program") {
    auto spec = of({"ssh", "arguments"});
    spec.program = child_program;
    const std::string text = output_of(spec);
    CHECK(text.substr(text.find('\n') + 1) == "ssh\narguments\n");
}

TEST_CASE("a child starts where it is told, or here") {
    temporary_directory elsewhere;
    auto spec = of({child_program, "arguments"});
    CHECK(output_of(spec).find(std::filesystem::current_path().string() + "\n") == 0);
    spec.working_directory = elsewhere.file("");
    const auto expected = std::filesystem::canonical(elsewhere.file("")).string();
    CHECK(output_of(spec).find(expected + "\n") == 0);
}

TEST_CASE("a child gets our environment, or the one in its specification") {
    ::setenv("FD2_PROCESS_TEST", "here", 1);
    auto spec = of({child_program, "environment"});
    CHECK(output_of(spec).find("FD2_PROCESS_TEST=here\n") != std::string::npos);
    spec.environment = words{"A=1", "B="};
    CHECK(output_of(spec) == "A=1\nB=\n");
    spec.environment = words{};
    CHECK(output_of(spec).empty());
    ::unsetenv("FD2_PROCESS_TEST");
}

TEST_CASE("a command's candidates follow PATH as execvp reads it") {
    CHECK(command_candidates("ssh", "/a:/b/") == words{"/a/ssh", "/b//ssh"});
    CHECK(command_candidates("ssh", ":/a::") == words{"ssh", "/a/ssh", "ssh", "ssh"});
    CHECK(command_candidates("ssh", "") == words{"ssh"});
    CHECK(command_candidates("./ssh", "/a") == words{"./ssh"});
    CHECK(command_candidates("", "/a").empty());
    CHECK(command_candidates("sh", nullptr).size() >= 2);
}

TEST_CASE("PATH is searched past what is missing, no directory, or may not be executed") {
    temporary_directory a, b;
    a.make("fd2-tool", "#!/bin/sh\necho wrong\n", 0644);
    const auto plain = a.make("plain", "", 0644);
    b.make("fd2-tool", "#!/bin/sh\necho right\n", 0755);
    const std::string before = ::getenv("PATH");
    const std::string path = "/nonexistent:" + plain + ":" + a.file("") + ":" + b.file("");
    ::setenv("PATH", path.c_str(), 1);
    CHECK(output_of(of({"fd2-tool"})) == "right\n");
    ::setenv("PATH", before.c_str(), 1);
}

TEST_CASE("a file that is no program is run by the shell") {
    temporary_directory here;
    const auto script = here.make("script", "echo \"$0 $# $1 $2\"\n", 0755);
    CHECK(output_of(of({script, "x y", "z"})) == script + " 2 x y z\n");
}

TEST_CASE("a child is killed when the thread that spawned it ends, if asked") {
    channel alive;
    const int code = in_fork([&] {
        auto spec = of({child_program, "pause"});
        spec.standard_output = alive.writing.get();
        spec.parent_death_signal = SIGKILL;
        auto child = spawn(spec);
        if (!child) return 1;
        if (read_line(alive.reading.get()) != "ready") return 2;
        ::kill(::getpid(), SIGKILL);
        return 3;
    });
    CHECK(code == -SIGKILL);
    alive.writing.reset();
    CHECK(read_all(alive.reading.get()).empty());  // EOF: nobody holds the other end any more
}

TEST_CASE("the death signal is no obstacle in a new pid namespace") {
    const int code = in_fork([] {
        const int flags = CLONE_NEWPID | (::geteuid() == 0 ? 0 : CLONE_NEWUSER);
        if (::unshare(flags) != 0) return 0;  // not allowed here: nothing to be seen
        auto spec = of({child_program, "exit", "23"});
        spec.parent_death_signal = SIGKILL;
        auto child = spawn(spec);
        const auto status = child ? child->wait() : child.error();
        return status ? status->code() : 1;
    });
    if (code == 0) WARN("no pid namespaces to be had here");
    CHECK((code == 0 || code == 23));
}

TEST_CASE("a wrong specification is refused before anything is started") {
    spawn_refusal refusal{};
    const auto code_of = [&](const spawn_spec& spec) {
        refusal = {};
        auto child = spawn(spec, &refusal);
        return child ? fd2::errc::ok : child.error().code;
    };
    CHECK(code_of({}) == fd2::errc::invalid);
    CHECK(refusal == spawn_refusal::own_failure);
    CHECK(code_of(of({child_program, std::string("a\0b", 3)})) == fd2::errc::invalid);
    auto spec = of({child_program, "exit", "0"});
    spec.standard_error = -2;
    CHECK(code_of(spec) == fd2::errc::invalid);
    spec.standard_error = -1;
    spec.parent_death_signal = 65;
    CHECK(code_of(spec) == fd2::errc::invalid);
}
