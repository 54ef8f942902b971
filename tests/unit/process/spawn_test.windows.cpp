// What a child is given, how it is found, and how it ends: with real children.
#include <windows.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "base/files.hpp"
#include "base/handle.windows.hpp"
#include "process/command_line.windows.hpp"
#include "process/command_search.hpp"
#include "process/spawn.hpp"
#include "process/standard_fds.hpp"
#include "support/catch.hpp"
#include "support/pipes.windows.hpp"
#include "support/scratch.hpp"

using namespace fd2::process;
using fd2::unique_fd;

namespace {

using words = std::vector<std::string>;

const std::string child_program = PROCESS_CHILD;

spawn_spec of(words argv) {
    spawn_spec spec;
    spec.argv = std::move(argv);
    return spec;
}

struct ran {
    std::string output;  ///< of stdout
    std::string errors;  ///< of stderr
    fd2::exit_status status = fd2::exit_status::lost(0);
};

ran run(spawn_spec spec) {
    pipe_ends out, err;
    spec.standard_output = out.writing.get();
    spec.standard_error = err.writing.get();
    auto child = spawn(spec);
    INFO((child ? std::string() : child.error().message));
    REQUIRE(child);
    out.writing.reset();
    err.writing.reset();
    ran result;
    std::thread other([&] { result.errors = read_all(err.reading.get()); });
    result.output = read_all(out.reading.get());
    other.join();
    const auto status = child->wait();
    REQUIRE(status);
    result.status = *status;
    return result;
}

/// The arguments that a child got, but for argv[0] and what told it to print them.
std::string arguments_of(words more) {
    words argv{child_program, "arguments"};
    argv.insert(argv.end(), more.begin(), more.end());
    std::string text = run(of(argv)).output;
    for (int line = 0; line < 3; ++line) text.erase(0, text.find('\n') + 1);
    return text;
}

std::string shell() {
    return "cmd.exe";
}

}  // namespace

TEST_CASE("a child gets its arguments as they are") {
    const words hard{
        "",        "a b",    "ü\"'*", "\\",           "a\\",         "a b\\",
        "a\\\"b",  "\\\\\"", "\"",    "\"\"",         "tab\there",   "$HOME %PATH% !x!",
        "a&b|c<d", "^caret", "(x)",   "C:\\a b\\c\\", "--x=\"y z\"", "@file"};
    std::string expected;
    for (const auto& one : hard) expected += one + "\n";
    CHECK(arguments_of(hard) == expected);
}

TEST_CASE("argv[0] need not be the program") {
    auto spec = of({"ssh", "arguments"});
    spec.program = child_program;
    const std::string text = run(spec).output;
    CHECK(text.substr(text.find('\n') + 1) == "ssh\narguments\n");
}

TEST_CASE("the two ways to write a command line") {
    using fd2::process::quoting;
    const auto line = [](const words& argv, const char* file, quoting how = quoting::automatic) {
        const auto made = command_line(argv, file, how);
        return made ? *made : L"refused: " + std::to_wstring(static_cast<int>(made.error().code));
    };
    CHECK(line({"a b.exe", "x"}, "a b.exe") == L"\"a b.exe\" x");
    CHECK(line({"a", "b c", "d\"e", "f\\", "g h\\"}, "a") == LR"(a "b c" "d\"e" f\ "g h\\")");
    CHECK(line({"cmd", "/C", "echo \"a b\" 1>&2"}, "C:/Windows/System32/cmd.exe") ==
          LR"(cmd /C "echo "a b" 1>&2")");
    CHECK(line({"cmd", "/C", "C:\\Program Files\\x.exe", "a b"}, "cmd.exe") ==
          LR"(cmd /C ""C:\Program Files\x.exe" "a b"")");
    CHECK(line({"cmd", "/C", "echo", "hello", "1>&2"}, "cmd.exe") ==
          LR"(cmd /C "echo hello 1>&2")");
    CHECK(line({"x", "a b", "%PATH%", "c\"d"}, "x y.bat") ==
          LR"(cmd.exe /E:ON /V:OFF /D /C ""x y.bat" "a b" "%%cd:~,%PATH%%cd:~,%" "c""d"")");
    CHECK(line({"x", "a\nb"}, "x.cmd").starts_with(L"refused"));
    CHECK(line({"x\"y"}, "x").starts_with(L"refused"));
}

TEST_CASE("cmd gets a line of its language") {
    const auto all = run(of({shell(), "/C", "echo hello 1>&2"}));
    CHECK(all.errors == "hello \r\n");
    CHECK(all.output.empty());
    CHECK(run(of({shell(), "/C", "echo", "one", "two"})).output == "one two\r\n");
}

TEST_CASE("a batch file gets its arguments, and none of them means anything") {
    const scratch here;
    const auto script = here.write("with blank.bat", "@echo off\r\necho [%1] [%2]\r\nexit 7\r\n");
    const auto all = run(of({script, "a b", "c&echo injected"}));
    CHECK(all.output == "[\"a b\"] [\"c&echo injected\"]\r\n");
    CHECK(all.status.code() == 7);
}

TEST_CASE("a child starts where it is told, or here") {
    const scratch elsewhere;
    auto spec = of({child_program, "arguments"});
    spec.working_directory = elsewhere.path();
    const std::string text = run(spec).output;
    const auto got = fd2::identity_of(text.substr(0, text.find('\n')));
    const auto expected = fd2::identity_of(elsewhere.path());
    REQUIRE((got && expected));
    CHECK(*got == *expected);
    spec.working_directory = elsewhere / "nowhere";
    CHECK(!spawn(spec));
}

TEST_CASE("a child gets our environment, or the one in its specification") {
    ::SetEnvironmentVariableW(L"FD2_PROCESS_TEST", L"here");
    auto spec = of({child_program, "environment"});
    CHECK(run(spec).output.find("FD2_PROCESS_TEST=here\n") != std::string::npos);
    spec.environment = words{"zz=ü", "B=", "a=1"};
    const std::string text = run(spec).output;
    CHECK(text.find("a=1\n") != std::string::npos);
    CHECK(text.find("zz=ü\n") != std::string::npos);
    CHECK(text.find("FD2_PROCESS_TEST") == std::string::npos);
}

TEST_CASE("a command is looked for in PATH, with the endings of PATHEXT, and not here") {
    CHECK(command_candidates("x\\ssh.exe", "C:\\a").front() == "x\\ssh.exe");
    CHECK(command_candidates("ssh.exe", "C:\\a;\"D:\\b;c\"")[0] == "C:\\a\\ssh.exe");
    const scratch tools;
    std::filesystem::copy_file(child_program, tools / "fd2-tool.exe");
    auto spec = of({"fd2-tool", "exit", "3"});
    spec.environment = words{"Path=C:\\nowhere;" + tools.path()};
    spec.search_environment = true;
    CHECK(run(spec).status.code() == 3);
    spec.environment = words{"PATH=C:\\nowhere"};
    const auto here = std::filesystem::current_path();
    std::filesystem::current_path(tools.path());
    spawn_refusal refusal{};
    const auto refused = spawn(spec, &refusal);
    std::filesystem::current_path(here);
    CHECK(!refused);
    CHECK(refusal == spawn_refusal::not_found);
}

TEST_CASE("what is no program is told from what is not there") {
    const scratch here;
    spawn_refusal refusal{};
    CHECK(!spawn(of({here.write("text.exe", "no program")}), &refusal));
    CHECK(refusal == spawn_refusal::not_executable);
    CHECK(!spawn(of({here / "absent.exe"}), &refusal));
    CHECK(refusal == spawn_refusal::not_found);
    CHECK(!spawn(of({}), &refusal));
    CHECK(refusal == spawn_refusal::own_failure);
    CHECK(!spawn(of({child_program, std::string("a\0b", 3)})));
}

TEST_CASE("all 32 bits of an exit status arrive") {
    const std::vector<std::pair<std::string, std::uint32_t>> codes{{"0", 0},
                                                                   {"1", 1},
                                                                   {"255", 255},
                                                                   {"256", 256},
                                                                   {"259", 259},
                                                                   {"0x7FFFFFFF", 0x7FFFFFFF},
                                                                   {"0xC0000005", 0xC0000005},
                                                                   {"0xFFFFFFFF", 0xFFFFFFFF}};
    for (const auto& [text, code] : codes) {
        const auto status = run(of({child_program, "exit", text})).status;
        CHECK(status.how() == fd2::exit_status::kind::exited);
        CHECK(static_cast<std::uint32_t>(status.code()) == code);
        CHECK(static_cast<std::uint32_t>(fd2::shell_code(status)) == code);
    }
    const auto crashed = run(of({child_program, "crash"})).status;
    CHECK(static_cast<std::uint32_t>(crashed.code()) == 0xC0000005);
}

TEST_CASE("a child has its three handles, and no other") {
    // One that anybody's child would get that is started without a list.
    SECURITY_ATTRIBUTES inheritable{sizeof(inheritable), nullptr, TRUE};
    const unique_fd event(fd2::fd_of(::CreateEventW(&inheritable, TRUE, FALSE, nullptr)));
    REQUIRE(event);
    CHECK(run(of({child_program, "has", std::to_string(event.get())})).status.code() == 0);
    CHECK(::WaitForSingleObject(fd2::handle_of(event.get()), 0) == WAIT_TIMEOUT);

    pipe_ends in;
    auto spec = of({child_program, "handles"});
    spec.standard_input = in.reading.get();
    const std::string text = run(spec).output;
    INFO(text);
    std::size_t lines = 0, named = 0;
    for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1) {
        ++lines;
        named += text.substr(at, text.find('\n', at) - at).find("std") != std::string::npos;
    }
    CHECK(lines == 3);
    CHECK(named == 3);
}

TEST_CASE("what a child was given is not inheritable afterwards") {
    pipe_ends out;
    auto spec = of({child_program, "exit", "0"});
    spec.standard_output = out.writing.get();
    auto child = spawn(spec);
    REQUIRE(child);
    DWORD flags = HANDLE_FLAG_INHERIT;
    REQUIRE(::GetHandleInformation(fd2::handle_of(out.writing.get()), &flags));
    CHECK((flags & HANDLE_FLAG_INHERIT) == 0);
    CHECK(child->wait());
}

TEST_CASE("children that are started at once do not get each other's handles") {
    std::vector<std::thread> threads;
    std::atomic<int> wrong{0};
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int j = 0; j < 3; ++j) {
                HANDLE read = nullptr, write = nullptr;
                if (!::CreatePipe(&read, &write, nullptr, 0)) ++wrong;
                const unique_fd reading(fd2::fd_of(read));
                unique_fd writing(fd2::fd_of(write));
                auto spec = of({child_program, "handles"});
                spec.standard_output = spec.standard_error = writing.get();
                auto child = spawn(spec);
                writing.reset();
                const std::string text = read_all(reading.get());
                if (!child || !child->wait()) ++wrong;
                std::size_t pipes = 0;
                for (std::size_t at = 0; (at = text.find("stdout", at)) != text.npos; ++at) ++pipes;
                const auto lines = std::count(text.begin(), text.end(), '\n');
                if (pipes != 1 || lines > 2) ++wrong;
            }
        });
    }
    for (auto& one : threads) one.join();
    CHECK(wrong == 0);
}

TEST_CASE("a wait has a deadline, and the child is untouched") {
    pipe_ends out;
    auto spec = of({child_program, "pause"});
    spec.standard_output = out.writing.get();
    auto child = spawn(spec);
    REQUIRE(child);
    CHECK(!*child->try_wait());
    const auto late = child->wait(fd2::after(fd2::now(), 30 * fd2::millisecond));
    REQUIRE(!late);
    CHECK(late.error().code == fd2::errc::timedout);
    CHECK(!child->kill(15));  // there are no signals
    REQUIRE(child->kill_now());
    const auto ended = child->wait();
    REQUIRE(ended);
    CHECK(ended->code() == 1);
    CHECK(child->wait().error().code == fd2::errc::state);
}

TEST_CASE("a child that its owner forgets is ended") {
    HANDLE same = nullptr;
    {
        auto child = spawn(of({child_program, "hold", "60000"}));
        REQUIRE(child);
        REQUIRE(::DuplicateHandle(::GetCurrentProcess(), fd2::handle_of(child->pidfd()),
                                  ::GetCurrentProcess(), &same, 0, FALSE, DUPLICATE_SAME_ACCESS));
    }
    const unique_fd owner(fd2::fd_of(same));
    CHECK(::WaitForSingleObject(same, 0) == WAIT_OBJECT_0);
}

TEST_CASE("a job ends the child with us, and lets what it started live") {
    const scratch here;
    HANDLE helper = nullptr;
    {
        pipe_ends out;
        auto spec = of({child_program, "helper", "1500"});
        spec.standard_output = out.writing.get();
        spec.standard_error = out.writing.get();
        spec.parent_death_signal = killed;
        auto child = spawn(spec);
        REQUIRE(child);
        const auto ended = child->wait();
        REQUIRE(ended);
        CHECK(ended->code() == 5);
        char bytes[64] = {};
        DWORD got = 0;
        REQUIRE(
            ::ReadFile(fd2::handle_of(out.reading.get()), bytes, sizeof(bytes) - 1, &got, nullptr));
        helper = ::OpenProcess(SYNCHRONIZE, FALSE, static_cast<DWORD>(std::atoi(bytes)));
        REQUIRE(helper != nullptr);
    }  // the job is closed
    CHECK(::WaitForSingleObject(helper, 100) == WAIT_TIMEOUT);
    ::WaitForSingleObject(helper, 20000);
    ::CloseHandle(helper);
}

TEST_CASE("our own standard input is given up, and the child keeps it") {
    pipe_ends in;
    HANDLE before = ::GetStdHandle(STD_INPUT_HANDLE);
    REQUIRE(::SetStdHandle(STD_INPUT_HANDLE, fd2::handle_of(in.reading.release())));
    auto null = open_null();
    REQUIRE(null);
    REQUIRE(detach_stdio(wire_end::standard_input, null->get()));
    // Nobody reads it any more.
    DWORD written = 0;
    CHECK(!::WriteFile(fd2::handle_of(in.writing.get()), "x", 1, &written, nullptr));
    ::CloseHandle(::GetStdHandle(STD_INPUT_HANDLE));
    ::SetStdHandle(STD_INPUT_HANDLE, before);
}
