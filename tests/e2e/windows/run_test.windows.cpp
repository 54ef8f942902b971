// `fd2 run` from outside: what its caller sees, with every backend that Windows has.
#include <windows.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/handle.windows.hpp"
#include "process/spawn.hpp"
#include "support/catch.hpp"
#include "support/pipes.windows.hpp"
#include "support/scratch.hpp"

namespace {

using namespace fd2::process;
using fd2::unique_fd;
using words = std::vector<std::string>;

const std::string fd2_program = FD2_PROGRAM;
const std::string child_program = PROCESS_CHILD;
const words backends{"tcpshim", "pipe"};

// What a socket holds at most under Wine 8, where a child that has to wait in a write to one waits
// for ever.
constexpr int times_for_socket = 3000;  // 256 bytes each
constexpr int times_for_pipe = 16 * 4096;

void write_and_close(unique_fd& fd, const std::string& text) {
    DWORD written = 0;
    ::WriteFile(fd2::handle_of(fd.get()), text.data(), static_cast<DWORD>(text.size()), &written,
                nullptr);
    fd.reset();
}

std::string content_of(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

struct ran {
    std::string output, errors;
    std::uint32_t status = 0;
    fd2::nanoseconds_t took = 0;
};

ran run(const words& argv, const std::string& input = {}, words environment = {}) {
    pipe_ends in, out, err;
    spawn_spec spec;
    spec.argv = argv;
    spec.standard_input = in.reading.get();
    spec.standard_output = out.writing.get();
    spec.standard_error = err.writing.get();
    if (!environment.empty()) spec.environment = std::move(environment);
    const auto began = fd2::now();
    auto child = spawn(spec);
    INFO((child ? std::string() : child.error().message));
    REQUIRE(child);
    in.reading.reset();
    out.writing.reset();
    err.writing.reset();
    ran result;
    std::thread feeds([&] { write_and_close(in.writing, input); });
    std::thread reads([&] { result.errors = read_all(err.reading.get()); });
    result.output = read_all(out.reading.get());
    const auto status = child->wait();
    result.took = fd2::now() - began;
    feeds.join();
    reads.join();
    REQUIRE(status);
    result.status = static_cast<std::uint32_t>(status->code());
    return result;
}

/// `fd2 run OPTIONS -- COMMAND`, with nobody's configuration.
ran fd2_run(words options, const words& command, const std::string& input = {}) {
    words argv{fd2_program, "run", "--config", "none"};
    argv.insert(argv.end(), options.begin(), options.end());
    argv.push_back("--");
    argv.insert(argv.end(), command.begin(), command.end());
    return run(argv, input);
}

std::string all_bytes(int times) {
    std::string out;
    for (int i = 0; i < times; ++i) {
        for (int byte = 0; byte < 256; ++byte) out += static_cast<char>(byte);
    }
    return out;
}

}  // namespace

TEST_CASE("the shell's redirection is captured") {
    const scratch here;
    for (const auto& backend : backends) {
        INFO(backend);
        const std::string tail = here / "tail-" + backend, stats = here / "stats-" + backend;
        const auto all = fd2_run({"--backend", backend, "--tail-out", tail, "--stats", stats},
                                 {"cmd", "/C", "echo hello 1>&2"});
        CHECK(all.errors == "hello \r\n");
        CHECK(all.output.empty());
        CHECK(all.status == 0);
        CHECK(content_of(tail) == "hello \r\n");
        const std::string report = content_of(stats);
        INFO(report);
        CHECK(report.find("\"backend\":\"" + backend + "\"") != report.npos);
        CHECK(report.find("\"eof\"") != report.npos);
    }
}

TEST_CASE("by default it is the TCP pair") {
    const scratch here;
    const std::string stats = here / "stats";
    const auto all = fd2_run({"--stats", stats}, {child_program, "say", "a line"});
    CHECK(all.errors == "a line\n");
    CHECK(all.output == "out\n");
    CHECK(content_of(stats).find("\"backend\":\"tcpshim\"") != std::string::npos);
}

TEST_CASE("all 32 bits of the command's status are ours") {
    for (const auto& backend : backends) {
        for (const auto& [text, code] : std::vector<std::pair<std::string, std::uint32_t>>{
                 {"0", 0}, {"1", 1}, {"255", 255}, {"0xC0000005", 0xC0000005U}}) {
            INFO(backend << ' ' << text);
            CHECK(fd2_run({"--backend", backend}, {child_program, "exit", text}).status == code);
        }
        CHECK(fd2_run({"--backend", backend}, {child_program, "crash"}).status == 0xC0000005U);
    }
}

TEST_CASE("nothing is lost at the command's exit, and no byte is changed") {
    const scratch here;
    for (const auto& backend : backends) {
        INFO(backend);
        const int times = backend == "pipe" ? times_for_pipe : times_for_socket;
        const std::string tail = here / "tail";
        const auto all = fd2_run({"--backend", backend, "--tail", "32MiB", "--tail-out", tail},
                                 {child_program, "bytes", std::to_string(times)});
        const std::string expected = all_bytes(times);
        CHECK(all.status == 0);
        CHECK((all.errors == expected));
        CHECK((content_of(tail) == expected));
    }
}

TEST_CASE("a helper that stays behind does not hold us") {
    const scratch here;
    for (const auto& backend : backends) {
        INFO(backend);
        // The helper has the wire as well, so that it is given a file.
        const std::string stats = here / "stats-" + backend;
        pipe_ends err;
        spawn_spec spec;
        spec.argv = {fd2_program, "run", "--config", "none",        "--backend", backend,
                     "--stats",   stats, "--",       child_program, "helper",    "20000"};
        spec.standard_error = err.writing.get();
        const auto began = fd2::now();
        auto child = spawn(spec);
        REQUIRE(child);
        const auto status = child->wait();
        REQUIRE(status);
        CHECK(status->code() == 5);
        CHECK(fd2::now() - began < 12 * fd2::second);
        const std::string report = content_of(stats);
        INFO(report);
        CHECK(report.find("writers-remain") != std::string::npos);
    }
}

TEST_CASE("the command has its wire and its stderr, and nothing else of ours") {
    for (const auto& backend : backends) {
        INFO(backend);
        const std::string text = fd2_run({"--backend", backend}, {child_program, "handles"}).output;
        INFO(text);
        CHECK(std::count(text.begin(), text.end(), '\n') == 3);
        CHECK(text.find("stdin") != text.npos);
        CHECK(text.find("stdout") != text.npos);
        CHECK(text.find("stderr") != text.npos);
    }
}

TEST_CASE("the wire is the command's") {
    const std::string input = all_bytes(40);
    const auto all = fd2_run({}, {child_program, "copy"}, input);
    CHECK((all.output == input));
    CHECK(all.errors.empty());
    CHECK(all.status == 0);
}

TEST_CASE("arguments arrive as they were given") {
    const words hard{"", "a b", "ü\"'*", "a\\", "b c\\", "d\\\"e", "%PATH%", "x&y|z", "--", "-v"};
    words command{child_program, "arguments"};
    command.insert(command.end(), hard.begin(), hard.end());
    std::string text = fd2_run({}, command).output, expected;
    for (int line = 0; line < 3; ++line) text.erase(0, text.find('\n') + 1);
    for (const auto& one : hard) expected += one + "\n";
    CHECK(text == expected);
}

TEST_CASE("a command that cannot be run is told from one that is not there") {
    const scratch here;
    std::ofstream(here / "text.exe") << "no program";
    CHECK(fd2_run({}, {here / "absent.exe"}).status == 127);
    CHECK(fd2_run({}, {"fd2-no-such-command"}).status == 127);
    CHECK(fd2_run({}, {here / "text.exe"}).status == 126);
    CHECK(fd2_run({"--set", "no.such=key"}, {child_program, "exit", "0"}).status == 125);
    CHECK(fd2_run({"--backend", "socketpair"}, {child_program, "exit", "0"}).status == 125);
}

TEST_CASE("a backend that is not there is passed over") {
    const scratch here;
    const std::string stats = here / "stats";
    const auto all = fd2_run({"--set", "backends=socketpair, pty, pipe", "--stats", stats},
                             {child_program, "say", "x"});
    CHECK(all.errors == "x\n");
    CHECK(content_of(stats).find("\"backend\":\"pipe\"") != std::string::npos);
}

TEST_CASE("without a capture the command has our stderr, and its own status") {
    const auto all = fd2_run({"--set", "enabled=false"}, {child_program, "say", "x"});
    CHECK(all.errors == "x\n");
    CHECK(all.output == "out\n");
    CHECK(fd2_run({"--set", "enabled=false"}, {child_program, "exit", "0xC0000005"}).status ==
          0xC0000005U);
}

TEST_CASE("lines are logged, and the report is appended to a file") {
    const scratch here;
    const std::string log = here / "log", reports = here / "reports";
    for (int i = 0; i < 2; ++i) {
        const auto all = fd2_run({"--log", log, "--set", "report.file=" + reports},
                                 {child_program, "say", "a logged line"});
        CHECK(all.status == 0);
        CHECK(all.errors == "a logged line\n");
    }
    CHECK(content_of(log).find("a logged line") != std::string::npos);
    const std::string lines = content_of(reports);
    CHECK(std::count(lines.begin(), lines.end(), '\n') == 2);
}

TEST_CASE("fd2 link makes a copy, which runs the next command of its name") {
    const scratch first, second;
    const auto made = run({fd2_program, "link", first.path()});
    INFO(made.errors);
    REQUIRE(made.status == 0);
    std::filesystem::copy_file(child_program, second / "ssh.exe");
    std::string root(300, '\0');
    root.resize(::GetEnvironmentVariableA("SystemRoot", root.data(), 300));
    const words environment{"PATH=" + first.path() + ";" + second.path(), "SystemRoot=" + root,
                            "FD2_CONFIG=none"};
    const auto all = run({first / "ssh.exe", "say", "from ssh"}, {}, environment);
    CHECK(all.errors == "from ssh\n");
    CHECK(all.output == "out\n");
    CHECK(all.status == 0);
    CHECK(run({first / "ssh.exe", "exit", "255"}, {}, environment).status == 255);
    // There is no other.
    CHECK(run({first / "ssh.exe"}, {}, {"PATH=" + first.path(), "SystemRoot=" + root}).status ==
          127);
    CHECK(run({fd2_program, "link", second.path()}).status == 1);
}

TEST_CASE("the other commands") {
    CHECK(run({fd2_program, "--version"}).output.starts_with("fd2 "));
    CHECK(run({fd2_program, "--help"}).output.find("doctor") != std::string::npos);
    CHECK(run({fd2_program, "run", "--help"}).status == 0);
    const auto listed = run({fd2_program, "plugins", "--config", "none"});
    INFO(listed.output << listed.errors);
    CHECK(listed.status == 0);
    for (const char* one : {"pipe", "tcpshim", "tokio-like-async"}) {
        CHECK(listed.output.find(one) != std::string::npos);
    }
    CHECK(run({fd2_program, "config", "show", "--config", "none", "backends.sync"})
              .output.find("tcpshim") != std::string::npos);
    const auto checked = run({fd2_program, "doctor", "--config", "none"});
    INFO(checked.output << checked.errors);
    CHECK(checked.status == 0);
    CHECK(checked.output.find("would use tcpshim") != std::string::npos);
    for (const char* absent : {"ps", "tail", "swap", "top", "reload"}) {
        const auto all = run({fd2_program, absent});
        CHECK(all.status == 2);
        CHECK(all.errors.find("not on Windows") != std::string::npos);
    }
}
