// Children whose stderr moves to another backend while they write it, and the control socket.
#include <sys/socket.h>
#include <sys/un.h>

#include <boost/asio.hpp>
#include <fd2/async.hpp>

#include <fstream>
#include <future>
#include <set>

#include "library/support.hpp"

using namespace library_test;
namespace asio = boost::asio;
using fd2::exit_status;

namespace {

// 600 KB, then a pause for as long as somebody holds the child's stdin.
const std::string floods = "seq 100000 >&2; cat >/dev/null";
const std::size_t flooded = 588895;

std::string numbers() {
    std::string out;
    for (int i = 1; i <= 100000; ++i) out += std::to_string(i) + "\n";
    return out;
}

std::vector<fd2::swap_result> swapped(const fd2::host& host, const std::string& to,
                                      bool back = false) {
    std::promise<std::vector<fd2::swap_result>> answer;
    fd2::swap_request wanted;
    wanted.backend = to;
    wanted.back = back;
    host.swap(wanted, [&](std::vector<fd2::swap_result> how) { answer.set_value(std::move(how)); });
    return answer.get_future().get();
}

}  // namespace

TEST_CASE("a sync child's stderr moves while it is written", "[captures]") {
    const test_host host({"surface=never", "capture.tail=1MiB", "forward.mode=off",
                          "swap.require=trial", "backends.sync=pipe"});
    auto command = shell(floods);
    auto child = fd2::spawn(host, command);
    CHECK(host.fd2_.running().size() == 1);
    CHECK(host.fd2_.running()[0].backend == "pipe");
    CHECK(host.fd2_.running()[0].command.back() == floods);
    for (int i = 0; i < 20; ++i) {
        const auto how = swapped(host, i % 2 == 0 ? "tokio-like-async" : "pipe");
        REQUIRE(how.size() == 1);
        CHECK(how[0].reason == "");
        CHECK(how[0].to == (i % 2 == 0 ? "tokio-like-async" : "pipe"));
    }
    CHECK(swapped(host, "pipe")[0].reason.starts_with("is already on it"));
    CHECK(swapped(host, "", true)[0].to == "tokio-like-async");
    CHECK(swapped(host, "socketpair")[0].reason != "");
    CHECK(host.fd2_.running()[0].moves == 21);
    child.in().close();
    const auto report = child.wait();
    CHECK(report.status == exit_status::exited(0));
    CHECK(report.record.output() == numbers());
    CHECK(report.end == fd2::end_kind::eof);
    CHECK(host.fd2_.running().empty());
}

TEST_CASE("an async child is moved by its loop, and stays where it cannot go", "[captures]") {
    const test_host host({"surface=never", "capture.tail=1MiB", "forward.mode=off",
                          "swap.require=trial", "backends.async=tokio-like-async",
                          "options.tokio-like-async.medium=pipe"});
    asio::io_context io;
    auto command = shell(floods);
    auto child = fd2::async_spawn(io.get_executor(), host, command);
    std::optional<fd2::exit_report> report;
    child.async_wait([&](const boost::system::error_code& failed, const fd2::exit_report& how) {
        CHECK_FALSE(failed);
        report = how;
    });
    std::thread loop([&] { io.run(); });
    const std::string unpollable = FD2_TEST_UNPOLLABLE;
    std::set<std::string> been;
    for (int i = 0; i < 15; ++i) {
        const auto how = swapped(host, i % 3 == 0   ? "pipe"
                                       : i % 3 == 1 ? unpollable
                                                    : std::string("tokio-like-async"));
        REQUIRE(how.size() == 1);
        CHECK(how[0].reason.empty() == (i % 3 != 1));
        been.insert(how[0].to);
    }
    CHECK(been == std::set<std::string>{"", "pipe", "tokio-like-async"});
    asio::post(io, [&] { child.in().close(); });
    loop.join();
    REQUIRE(report);
    CHECK(report->status == exit_status::exited(0));
    CHECK(report->record.output() == numbers());
}

TEST_CASE("many children move at once under flood", "[captures]") {
    const test_host host({"surface=never", "capture.tail=1MiB", "forward.mode=off",
                          "swap.require=trial", "backends.sync=pipe",
                          "backends.async=tokio-like-async",
                          "options.tokio-like-async.medium=pipe"});
    asio::io_context io;
    std::vector<fd2::SshConnection> sync;
    std::vector<fd2::AsyncSshTransport> async;
    std::vector<fd2::exit_report> reports;
    for (int i = 0; i < 20; ++i) {
        auto one = shell(floods);
        sync.push_back(fd2::spawn(host, one));
        auto other = shell(floods);
        async.push_back(fd2::async_spawn(io.get_executor(), host, other));
        async.back().async_wait([&](const boost::system::error_code&, const fd2::exit_report& how) {
            reports.push_back(how);
        });
    }
    std::thread loop([&] { io.run(); });
    std::size_t moved = 0;
    for (int i = 0; i < 25; ++i) {
        for (const auto& one : swapped(host, i % 2 == 0 ? "pipe" : "tokio-like-async")) {
            moved += one.to.empty() ? 0 : 1;
            CHECK((one.reason.empty() || one.reason.starts_with("is already on it")));
        }
    }
    CHECK(moved >= 24 * 40);
    for (auto& one : sync) one.in().close();
    asio::post(io, [&] {
        for (auto& one : async) one.in().close();
    });
    loop.join();
    for (auto& one : sync) reports.push_back(one.wait());
    REQUIRE(reports.size() == 40);
    const std::string whole = numbers();
    CHECK(whole.size() == flooded);
    std::size_t wrong = 0;
    for (const auto& one : reports) wrong += one.record.output() == whole ? 0 : 1;
    CHECK(wrong == 0);
}

TEST_CASE("a backend that cannot be used is a failure, and nothing moves") {
    const test_host host;
    std::error_code failed;
    std::string why;
    fd2::swap_request wanted;
    wanted.backend = "no-such";
    host.fd2_.swap(
        wanted, [](const std::vector<fd2::swap_result>&) { FAIL("called"); }, failed, &why);
    CHECK(failed == fd2::errc::unsupported);
    CHECK(why.find("no-such.so") != why.npos);
    CHECK_THROWS_AS(host.fd2_.swap(wanted, [](const std::vector<fd2::swap_result>&) {}),
                    fd2::error);
}

TEST_CASE("a reload is in force from the next child on, and moves those that run if it is to",
          "[captures]") {
    const std::string path = "library-swap-test.yaml";
    std::ofstream(path) << "backends:\n  sync: [pipe]\nforward:\n  mode: off\n";
    fd2::host_options with = test_host::options({}, true, 2);
    with.config = path;
    const fd2::host host(with);
    auto command = shell("cat >/dev/null");
    auto first = fd2::spawn(host, command);
    CHECK(first.snapshot().backend == "pipe");

    const auto reload = [&](const std::string& text) {
        std::ofstream(path) << text;
        fd2::reload_result out;
        host.reload([&](fd2::reload_result how) { out = std::move(how); });
        return out;
    };
    auto wrong = reload("backends:\n  sync: [pipe\n");
    REQUIRE(wrong.problems.size() == 1);
    CHECK(wrong.problems[0].find("library-swap-test.yaml:") != std::string::npos);

    auto right = reload(
        "backends:\n  sync: [tokio-like-async]\noptions:\n  tokio-like-async:\n    medium: pipe\n"
        "swap:\n  running: hand-over\n  require: trial\nforward:\n  mode: off\n");
    CHECK(right.problems.empty());
    REQUIRE(right.changes.size() == 4);
    CHECK(right.changes[0].key == "backends.sync");
    CHECK(right.changes[0].after == "[tokio-like-async]");
    REQUIRE(right.swapped.size() == 1);
    CHECK(right.swapped[0].to == "tokio-like-async");
    auto again = shell("true");
    auto second = fd2::spawn(host, again);
    CHECK(second.snapshot().backend == "tokio-like-async");
    (void)second.wait();
    first.in().close();
    (void)first.wait();
    std::filesystem::remove(path);
}

TEST_CASE("a program's control socket lists its children", "[captures]") {
    const std::filesystem::path runtime =
        std::filesystem::temp_directory_path() / ("fd2-swap-test-" + std::to_string(::getpid()));
    std::filesystem::create_directory(runtime);
    std::filesystem::permissions(runtime, std::filesystem::perms::owner_all);
    ::setenv("FD2_RUNTIME_DIR", runtime.c_str(), 1);
    {
        fd2::host_options with = test_host::options({}, true, 2);
        with.control = true;
        const fd2::host host(with);
        const fd2::host another(with);
        auto command = shell("cat >/dev/null");
        auto child = fd2::spawn(host, command);
        const auto socket = runtime / std::to_string(::getpid());
        CHECK(std::filesystem::exists(socket));
        CHECK(std::filesystem::exists(socket.string() + ".2"));
        const int client = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        REQUIRE(client >= 0);
        sockaddr_un to{};
        to.sun_family = AF_UNIX;
        REQUIRE(socket.string().size() < sizeof(to.sun_path));
        std::strcpy(to.sun_path, socket.c_str());
        REQUIRE(::connect(client, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) == 0);
        const std::string call = R"({"method":"org.fd2.control.List"})";
        REQUIRE(::write(client, call.c_str(), call.size() + 1) ==
                static_cast<ssize_t>(call.size() + 1));
        std::string answer;
        while (answer.empty() || answer.back() != '\0') {
            char block[4096];
            const ssize_t got = ::read(client, block, sizeof(block));
            REQUIRE(got > 0);
            answer.append(block, static_cast<std::size_t>(got));
        }
        ::close(client);
        CHECK(answer.find("\"kind\":\"library\"") != answer.npos);
        CHECK(answer.find("\"pid\":" + std::to_string(child.pid())) != answer.npos);
        child.in().close();
        (void)child.wait();
    }
    CHECK(std::filesystem::is_empty(runtime));
    ::unsetenv("FD2_RUNTIME_DIR");
    std::filesystem::remove_all(runtime);
}
