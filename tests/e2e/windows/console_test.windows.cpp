// Ctrl-C and Ctrl-Break in a console that fd2 shares with its command: a pseudo console, which
// needs no window.
#include <windows.h>

#include <array>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/handle.windows.hpp"
#include "base/utf16.windows.hpp"
#include "process/command_line.windows.hpp"
#include "support/catch.hpp"
#include "support/pipes.windows.hpp"
#include "support/scratch.hpp"

namespace {

using fd2::handle_of;
using fd2::unique_fd;
using words = std::vector<std::string>;

const std::string fd2_program = FD2_PROGRAM;
const std::string child_program = PROCESS_CHILD;

/// Of kernel32; mingw-w64's headers are silent about some.
template <class Function>
Function system_function(const char* name) {
    const auto found = ::GetProcAddress(::GetModuleHandleW(L"kernel32.dll"), name);
    REQUIRE(found != nullptr);
    return reinterpret_cast<Function>(reinterpret_cast<void*>(found));
}

/// A process of a console, whose stdout and stderr are ours to read.
struct in_console {
    unique_fd process;
    unique_fd output, errors;

    /// Up to the next end of line in its stdout: the command's, which has done what it says.
    std::string next_line() const {
        std::string line;
        char byte = 0;
        DWORD got = 0;
        while (::ReadFile(handle_of(output.get()), &byte, 1, &got, nullptr) && got == 1) {
            if (byte == '\n') return line;
            line += byte;
        }
        FAIL("stdout ended after: " << line);
        return line;
    }

    DWORD status() const {
        DWORD code = 0;
        REQUIRE(::WaitForSingleObject(handle_of(process.get()), 60000) == WAIT_OBJECT_0);
        REQUIRE(::GetExitCodeProcess(handle_of(process.get()), &code));
        return code;
    }
};

class console {
  public:
    console() {
        using create = HRESULT(WINAPI*)(COORD, HANDLE, HANDLE, DWORD, void**);
        const COORD size{80, 25};
        REQUIRE(system_function<create>("CreatePseudoConsole")(size, handle_of(in_.reading.get()),
                                                               handle_of(out_.writing.get()), 0,
                                                               &console_) == S_OK);
        in_.reading.reset();
        out_.writing.reset();
        // Its picture is nothing to us, but it waits for a reader.
        reader_ = std::thread([this] { (void)read_all(out_.reading.get()); });
    }
    /// Ends what is still in it.
    ~console() {
        using close = void(WINAPI*)(void*);
        system_function<close>("ClosePseudoConsole")(console_);
        reader_.join();
    }
    console(const console&) = delete;
    console& operator=(const console&) = delete;

    in_console start(const words& argv) const {
        in_console out;
        pipe_ends output, errors;
        STARTUPINFOEXW start{};
        start.StartupInfo.cb = sizeof(start);
        start.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
        start.StartupInfo.hStdOutput = handle_of(output.writing.get());
        start.StartupInfo.hStdError = handle_of(errors.writing.get());
        std::vector<HANDLE> passed{start.StartupInfo.hStdOutput, start.StartupInfo.hStdError};
        for (const HANDLE one : passed) {
            REQUIRE(::SetHandleInformation(one, HANDLE_FLAG_INHERIT, HANDLE_FLAG_INHERIT));
        }
        SIZE_T size = 0;
        ::InitializeProcThreadAttributeList(nullptr, 2, 0, &size);
        const auto memory = std::make_unique<std::byte[]>(size);
        start.lpAttributeList = reinterpret_cast<LPPROC_THREAD_ATTRIBUTE_LIST>(memory.get());
        REQUIRE(::InitializeProcThreadAttributeList(start.lpAttributeList, 2, 0, &size));
        constexpr DWORD_PTR pseudo_console = 0x20016;
        REQUIRE(::UpdateProcThreadAttribute(start.lpAttributeList, 0, pseudo_console, console_,
                                            sizeof(console_), nullptr, nullptr));
        REQUIRE(::UpdateProcThreadAttribute(start.lpAttributeList, 0,
                                            PROC_THREAD_ATTRIBUTE_HANDLE_LIST, passed.data(),
                                            passed.size() * sizeof(HANDLE), nullptr, nullptr));
        auto line =
            fd2::process::command_line(argv, argv.front(), fd2::process::quoting::automatic);
        REQUIRE(line);
        PROCESS_INFORMATION made{};
        REQUIRE(::CreateProcessW(fd2::utf16_of(argv.front()).c_str(), line->data(), nullptr,
                                 nullptr, TRUE, EXTENDED_STARTUPINFO_PRESENT, nullptr, nullptr,
                                 &start.StartupInfo, &made));
        ::DeleteProcThreadAttributeList(start.lpAttributeList);
        ::CloseHandle(made.hThread);
        out.process.reset(fd2::fd_of(made.hProcess));
        out.output = std::move(output.reading);
        out.errors = std::move(errors.reading);
        return out;
    }

    /// `fd2 run` with a child that does `what`.
    in_console start_fd2(const words& what, const words& options = {}) const {
        words argv{fd2_program, "run", "--config", "none"};
        argv.insert(argv.end(), options.begin(), options.end());
        argv.insert(argv.end(), {"--", child_program});
        argv.insert(argv.end(), what.begin(), what.end());
        return start(argv);
    }

    /// To everybody in it, as its key does it.
    void send(DWORD event) const {
        REQUIRE(start({child_program, "send", std::to_string(event)}).status() == 0);
    }

  private:
    pipe_ends in_, out_;
    void* console_ = nullptr;
    std::thread reader_;
};

const std::vector<words> ways{
    {"--backend", "tcpshim"}, {"--backend", "pipe"}, {"--set", "enabled=false"}};

}  // namespace

TEST_CASE("Ctrl-C is the command's, and what it writes and says afterwards arrives") {
    for (const auto& options : ways) {
        INFO(options[1]);
        const console shared;
        const auto ours = shared.start_fd2({"answer"}, options);
        CHECK(ours.next_line() == "ready");
        shared.send(CTRL_C_EVENT);
        CHECK(read_all(ours.errors.get()) == "tidied up after Ctrl-C\n");
        CHECK(ours.status() == 42);
    }
}

TEST_CASE("so is Ctrl-Break") {
    if (::GetProcAddress(::GetModuleHandleW(L"ntdll.dll"), "wine_get_version") != nullptr) {
        WARN("not tried: Wine does not send Ctrl-Break (ERROR_INVALID_HANDLE)");
        return;
    }
    for (const auto& options : ways) {
        INFO(options[1]);
        const console shared;
        const auto ours = shared.start_fd2({"answer"}, options);
        CHECK(ours.next_line() == "ready");
        shared.send(CTRL_BREAK_EVENT);
        CHECK(read_all(ours.errors.get()) == "tidied up after Ctrl-Break\n");
        CHECK(ours.status() == 42);
    }
}

TEST_CASE("a command that ends of Ctrl-C gives its status to us") {
    for (const auto& options : ways) {
        INFO(options[1]);
        const console shared;
        const auto ours = shared.start_fd2({"pause"}, options);
        CHECK(!ours.next_line().empty());
        shared.send(CTRL_C_EVENT);
        const auto alone = shared.start({child_program, "pause"});
        CHECK(!alone.next_line().empty());
        shared.send(CTRL_C_EVENT);
        // 0xC000013A; Wine says 0.
        CHECK(ours.status() == alone.status());
    }
}

TEST_CASE("Ctrl-C after the command's end cuts short what we still wait for") {
    const console shared;
    // Its helper keeps the channel open.
    const auto ours = shared.start_fd2(
        {"helper", "60000"}, {"--set", "finish.linger=50s", "--set", "finish.linger-max=50s"});
    const auto helper = std::stoul(ours.next_line());
    const unique_fd process(fd2::fd_of(::OpenProcess(PROCESS_TERMINATE, FALSE, helper)));
    REQUIRE(process);
    shared.send(CTRL_C_EVENT);
    CHECK(ours.status() == 5);
    ::TerminateProcess(handle_of(process.get()), 0);
}

TEST_CASE("a command does not outlive us, however we end") {
    for (const auto& options : ways) {
        INFO(options[1]);
        const console shared;
        const auto ours = shared.start_fd2({"pause"}, options);
        const unique_fd command(
            fd2::fd_of(::OpenProcess(SYNCHRONIZE, FALSE, std::stoul(ours.next_line()))));
        REQUIRE(command);
        CHECK(::WaitForSingleObject(handle_of(command.get()), 0) == WAIT_TIMEOUT);
        REQUIRE(::TerminateProcess(handle_of(ours.process.get()), 1));
        CHECK(::WaitForSingleObject(handle_of(command.get()), 60000) == WAIT_OBJECT_0);
    }
}
