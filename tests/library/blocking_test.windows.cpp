// libfd2 on Windows, as a program that may wait uses it: with real backends and children.
#include <windows.h>

#include <fd2/fd2.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/handle.windows.hpp"
#include "support/catch.hpp"
#include "support/pipes.windows.hpp"

namespace {

using namespace std::chrono_literals;
using fd2::exit_status;
using words = std::vector<std::string>;

const words backends{"tcpshim", "pipe"};

/// A host with the built backends, whose forwarding goes to a pipe that is read here.
class test_host {
  public:
    test_host() : reader_([this] { seen_ = read_all(pipe_.reading.get()); }) {
        fd2::host_options options;
        options.plugin_path = {FD2_TEST_BACKENDS};
        options.stderr_fd = pipe_.writing.get();
        host_.emplace(options);
    }
    ~test_host() { (void)forwarded(); }
    test_host(const test_host&) = delete;
    test_host& operator=(const test_host&) = delete;

    operator const fd2::host&() const { return *host_; }

    /// Of all children; the host is no more afterwards.
    const std::string& forwarded() {
        if (reader_.joinable()) {
            host_.reset();
            pipe_.writing.reset();
            reader_.join();
        }
        return seen_;
    }

  private:
    pipe_ends pipe_;
    std::string seen_;
    std::optional<fd2::host> host_;
    std::thread reader_;
};

fd2::ssh_command child(words what, const std::string& backend = "tcpshim") {
    what.insert(what.begin(), PROCESS_CHILD);
    auto out = fd2::ssh_command::from_argv(std::move(what));
    out.backend(backend);
    return out;
}

std::string all_bytes(int times) {
    std::string out;
    for (int i = 0; i < times; ++i) {
        for (int byte = 0; byte < 256; ++byte) out += static_cast<char>(byte);
    }
    return out;
}

bool has_ended(DWORD number) {
    const fd2::unique_fd process(fd2::fd_of(::OpenProcess(SYNCHRONIZE, FALSE, number)));
    return !process || ::WaitForSingleObject(fd2::handle_of(process.get()), 0) == WAIT_OBJECT_0;
}

}  // namespace

TEST_CASE("a child's wire and its stderr are carried side by side") {
    for (const auto& backend : backends) {
        INFO(backend);
        test_host host;
        auto command = child({"copy", "to the side\n"}, backend);
        auto running = fd2::spawn(host, command);
        running.in().write("over the wire\n");
        running.in().close();
        CHECK(running.out().read_all() == "over the wire\n");
        const auto [report, last] = running.wait_with_stderr();
        CHECK(report.status == exit_status::exited(0));
        CHECK(report.end == fd2::end_kind::eof);
        CHECK(report.final);
        CHECK(last.bytes == "to the side\n");
        CHECK(last.backend == backend);
        CHECK(host.forwarded() == "to the side\n");
    }
}

TEST_CASE("a command is run in one call, with more input and output than a pipe holds") {
    test_host host;
    const std::string input = all_bytes(2000);
    auto command = child({"copy"});
    fd2::run_options options;
    options.input = input;
    const auto done = fd2::run(host, command, options);
    CHECK(done.success());
    CHECK((done.out == input));
    CHECK(done.err.bytes.empty());

    auto writer = child({"bytes", "2000"}, "pipe");
    const auto written = fd2::run(host, writer);
    CHECK(written.err.total_bytes == input.size());
    CHECK((host.forwarded() == input));
}

TEST_CASE("output beyond the limit is counted") {
    test_host host;
    auto command = child({"say", "x"});
    fd2::run_options options;
    options.out_limit = 2;
    const auto done = fd2::run(host, command, options);
    CHECK(done.out == "ou");
    CHECK(done.out_dropped == 2);
    CHECK(done.err.bytes == "x\n");
}

TEST_CASE("a child that does not read its input is no error") {
    test_host host;
    const std::string input = all_bytes(2000);
    auto command = child({"exit", "0xC0000005"});
    fd2::run_options options;
    options.input = input;
    const auto done = fd2::run(host, command, options);
    CHECK(static_cast<std::uint32_t>(done.report.status.code()) == 0xC0000005);
    CHECK(!done.success());
}

TEST_CASE("a child that takes too long is ended") {
    test_host host;
    auto command = child({"pause"});
    fd2::run_options options;
    options.timeout = 300ms;
    const auto done = fd2::run(host, command, options);
    CHECK(done.timed_out);
    CHECK(done.report.status == exit_status::exited(1));
}

TEST_CASE("a helper that keeps the outputs does not hold a run") {
    test_host host;
    auto command = child({"helper", "60000"});
    const auto done = fd2::run(host, command);
    CHECK(done.report.status == exit_status::exited(5));
    CHECK(done.report.ran < 50s);
    const fd2::unique_fd helper(
        fd2::fd_of(::OpenProcess(PROCESS_TERMINATE, FALSE, std::stoul(done.out))));
    REQUIRE(helper);
    ::TerminateProcess(fd2::handle_of(helper.get()), 0);
}

TEST_CASE("a child can be waited for with a deadline, and stopped") {
    test_host host;
    auto command = child({"pause"});
    auto running = fd2::spawn(host, command);
    CHECK(!running.wait_until(std::chrono::steady_clock::now() + 20ms));
    CHECK(!running.try_wait());
    const auto report = running.stop({{fd2::stop::terminate, 10ms}, {fd2::stop::kill, {}}, {}});
    REQUIRE(report);
    CHECK(report->status == exit_status::exited(1));
}

TEST_CASE("a child that nobody waits for is ended with its owner") {
    test_host host;
    DWORD number = 0;
    {
        auto command = child({"pause"});
        const auto running = fd2::spawn(host, command);
        number = static_cast<DWORD>(running.pid());
        CHECK(!has_ended(number));
    }
    CHECK(has_ended(number));
}

TEST_CASE("stdin and stdout may be nothing, or handles of ours") {
    test_host host;
    auto command = child({"copy"});
    command.standard_input(fd2::stdio::null());
    auto running = fd2::spawn(host, command);
    CHECK(!running.in().is_open());
    CHECK(running.out().read_all().empty());
    CHECK(running.wait().success());

    pipe_ends out;
    auto second = child({"say", "x"});
    second.standard_output(fd2::stdio::fd(out.writing.get()));
    auto other = fd2::spawn(host, second);
    out.writing.reset();
    CHECK(read_all(out.reading.get()) == "out\n");
    CHECK(other.wait().success());
}

TEST_CASE("lines are subscribed to, from before the start") {
    test_host host;
    auto command = child({"say", "first\nsecond"});
    auto lines = command.subscribe();
    auto running = fd2::spawn(host, command);
    CHECK(lines.wait()->text == "first");
    CHECK(lines.wait()->text == "second");
    CHECK(!lines.wait());
    CHECK(running.wait().success());
}

TEST_CASE("the environment is ours, with changes") {
    test_host host;
    auto command = child({"environment"});
    command.env("FD2_LIBRARY_TEST", "ü").env_remove("PATHEXT");
    const auto done = fd2::run(host, command);
    CHECK(done.out.find("FD2_LIBRARY_TEST=ü\n") != std::string::npos);
    CHECK(done.out.find("PATHEXT=") == std::string::npos);
    CHECK(done.out.find("PATH=") != std::string::npos);
}

TEST_CASE("what cannot be started says why") {
    test_host host;
    auto command = fd2::ssh_command::from_argv({"C:/nowhere/absent.exe"});
    std::error_code failed;
    std::string why;
    CHECK(!fd2::spawn(host, command, failed, &why));
    CHECK(failed);
    CHECK(why.find("absent.exe") != std::string::npos);
    CHECK(why.find("ERROR_FILE_NOT_FOUND") != std::string::npos);
}
