// The sync transport, by what the reference's tests ask of theirs (docs/parity.md) and more.
#include <thread>

#include "library/support.hpp"

using namespace library_test;

namespace {

using fd2::exit_status;

bool ends_with(const std::string& text, const std::string& with) {
    return text.size() >= with.size() &&
           text.compare(text.size() - with.size(), with.size(), with) == 0;
}

}  // namespace

TEST_CASE("the wire and stderr are carried side by side, the flag off and on") {
    for (const bool flag : {false, true}) {
        const test_host host({}, flag);
        auto command = shell("cat; echo to the side >&2; exit 7");
        auto child = fd2::spawn(host, command);
        child.in().write("over the wire\n");
        child.in().close();
        CHECK(child.out().read_all() == "over the wire\n");
        const auto [report, last] = child.wait_with_stderr();
        CHECK(report.status == exit_status::exited(7));
        CHECK(report.end == fd2::end_kind::eof);
        CHECK(report.final);
        CHECK(last.bytes == "to the side\n");
        CHECK(last.total_bytes == 12);
        CHECK(last.total_lines == 1);
        CHECK(last.forwarded_bytes == 12);
        CHECK(last.final);
        CHECK(last.backend == "socketpair");
        CHECK(report.lasted >= report.ran);
        CHECK(report.ran.count() > 0);
        CHECK(host.seen.take() == "to the side\n");
    }
}

TEST_CASE("stderr is empty where nothing was written") {
    const test_host host;
    auto command = shell("exit 0");
    auto child = fd2::spawn(host, command);
    const auto [report, last] = child.wait_with_stderr();
    CHECK(report.success());
    CHECK(last.bytes.empty());
    CHECK(child.stderr_output().empty());
}

TEST_CASE("the record is bounded and holds the newest bytes exactly") {
    const test_host host;
    auto command = shell(many_lines(20000));
    auto child = fd2::spawn(host, command);
    std::optional<eager_reader> reader(host.seen);
    const auto [report, last] = child.wait_with_stderr();
    reader.reset();
    CHECK(report.success());
    CHECK(last.bytes.size() == 65536);
    CHECK(last.total_lines == 20000);
    CHECK(last.offset + last.bytes.size() == last.total_bytes);
    CHECK(ends_with(last.bytes,
                    "20000: a line of some length, as programs write them, so that it adds up\n"));
}

TEST_CASE("stderr can be read while the child runs, before and after a split") {
    const test_host host;
    auto command = shell("echo early >&2; echo ready; read x; echo late >&2; read y");
    auto child = fd2::spawn(host, command);
    char c = 0;
    while (c != '\n') REQUIRE(child.out().read_some(&c, 1) == 1);
    // The line was written before what we have just read, but may still be on its way.
    while (child.stderr_output().empty()) std::this_thread::yield();
    CHECK(child.stderr_output() == "early\n");
    CHECK_FALSE(child.snapshot().final);
    auto [handle, in, out] = std::move(child).split();
    in.write("go\n");
    while (handle.snapshot().total_lines < 2) std::this_thread::yield();
    CHECK(handle.stderr_output() == "early\nlate\n");
    CHECK_FALSE(handle.try_wait());
    in.close();
    CHECK(handle.wait().status.how() == exit_status::kind::exited);
    CHECK(handle.snapshot().final);
    CHECK(handle.stderr_output() == "early\nlate\n");
}

TEST_CASE("bytes that are no text are kept as they are, a last line without newline too") {
    const test_host host;
    auto command = shell("printf 'a\\377\\376\\000b\\r\\n\\nno newline' >&2");
    auto child = fd2::spawn(host, command);
    const std::string expected("a\377\376\000b\r\n\nno newline", 18);
    const auto last = child.wait_with_stderr().second;
    CHECK(last.bytes == expected);
    CHECK(last.total_lines == 3);
    CHECK(host.seen.take() == expected);
}

TEST_CASE("much stderr does not block stdout") {
    const test_host host({"forward.mode=off", "surface=never"});
    auto command = shell(many_lines(10000) + "; echo done");
    auto child = fd2::spawn(host, command);
    CHECK(child.out().read_all() == "done\n");
    CHECK(child.wait().success());
}

TEST_CASE("every exit is reported as it was") {
    const test_host host({"surface=never"});
    for (const int code : {0, 1, 23, 126, 127, 255}) {
        auto command = shell("exit " + std::to_string(code));
        CHECK(fd2::spawn(host, command).wait().status == exit_status::exited(code));
    }
    for (const int signal : {SIGTERM, SIGKILL, SIGUSR1}) {
        auto command = shell("kill -" + std::to_string(signal) + " $$");
        const auto report = fd2::spawn(host, command).wait();
        CHECK(report.status == exit_status::signalled(signal, false));
        CHECK(fd2::reference_code(report.status) == 16);
    }
}

TEST_CASE("try_wait tells nothing while the child runs, its end later, and a wait may follow") {
    const test_host host;
    auto command = shell("read x; echo bye >&2; exit 9");
    auto child = fd2::spawn(host, command);
    CHECK_FALSE(child.try_wait());
    child.in().close();
    std::optional<exit_status> end;
    while (!(end = child.try_wait())) std::this_thread::yield();
    CHECK(*end == exit_status::exited(9));
    CHECK(child.try_wait() == end);
    const auto [report, last] = child.wait_with_stderr();
    CHECK(report.status == exit_status::exited(9));
    CHECK(last.bytes == "bye\n");
}

TEST_CASE("what was moved from answers with an error") {
    const test_host host;
    auto command = shell("exit 0");
    auto child = fd2::spawn(host, command);
    auto parts = std::move(child).split();
    std::error_code failed;
    child.wait(failed);
    CHECK(failed == fd2::errc::state);
    CHECK_FALSE(child.wait_for(std::chrono::seconds(1), failed));
    CHECK(failed == fd2::errc::state);
    CHECK_FALSE(child.stop({}, failed));
    CHECK(failed == fd2::errc::state);
    child.try_wait(failed);
    CHECK(failed == fd2::errc::state);
    child.kill(SIGTERM, failed);
    CHECK(failed == fd2::errc::state);
    CHECK(child.pid() == 0);
    CHECK(child.stderr_output().empty());
    CHECK(parts.child.wait().success());
}

TEST_CASE("a signal reaches the child") {
    const test_host host({"surface=never"});
    auto command = shell("exec cat");
    auto child = fd2::spawn(host, command);
    child.kill(SIGTERM);
    CHECK(child.wait().status == exit_status::signalled(SIGTERM, false));
}

TEST_CASE("a program that is not there fails in the spawn and leaves nothing behind") {
    const std::size_t alone = threads();
    const test_host host;
    warm_up(host);
    const std::size_t before = open_descriptors();
    auto command = fd2::ssh_command::from_argv({"/nowhere/ssh"});
    for (int i = 0; i < 3; ++i) {
        std::error_code failed;
        CHECK_FALSE(fd2::spawn(host, command, failed));
        CHECK(failed == std::errc::no_such_file_or_directory);
    }
    CHECK_FALSE(has_children());
    CHECK(open_descriptors() == before);
    CHECK(threads() == alone);
}
