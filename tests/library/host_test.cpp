#include <fd2/loop_child.hpp>

#include <fstream>

#include "library/support.hpp"

using namespace library_test;

namespace {

struct heard final : fd2::observer {
    void on_event(const fd2::event& what) noexcept override { messages.emplace_back(what.message); }
    std::vector<std::string> messages;
};

}  // namespace

TEST_CASE("a host reads no file and no variable unless asked") {
    ::setenv("FD2_CAPTURE_TAIL", "not a size", 1);
    CHECK_NOTHROW(fd2::host());
    fd2::host_options asked;
    asked.system_config = true;
    CHECK_THROWS_AS(fd2::host(asked), fd2::error);
    ::unsetenv("FD2_CAPTURE_TAIL");
}

TEST_CASE("a wrong configuration says where and what, and is the code `config`") {
    const std::string path = "library-host-test.yaml";
    std::ofstream(path) << "capture:\n  tial: 64KiB\n";
    fd2::host_options with;
    with.config = path;
    std::error_code failed;
    std::string why;
    CHECK_FALSE(fd2::host::make(with, failed, &why));
    CHECK(failed == fd2::errc::config);
    CHECK(why.find("library-host-test.yaml:2:3") != why.npos);
    CHECK(why.find("tail") != why.npos);  // the nearest name
    std::filesystem::remove(path);

    fd2::host_options set;
    set.set = {"capture.tail"};
    CHECK_FALSE(fd2::host::make(set, failed, &why));
    CHECK(failed == fd2::errc::config);
    set.set = {"capture.tail=64"};
    CHECK_FALSE(fd2::host::make(set, failed, &why));
    CHECK(why.find("set") != why.npos);
}

TEST_CASE("an error has its code, its errno, its operation and its object") {
    const test_host host;
    auto command = shell("exit 0");
    command.working_directory("/does/not/exist");
    try {
        fd2::spawn(host, command);
        FAIL("nothing was thrown");
    } catch (const fd2::error& why) {
        CHECK(why.sys_errno() == ENOENT);
        CHECK(why.code() == std::errc::no_such_file_or_directory);
        CHECK(std::string(why.what()).find("/does/not/exist") != std::string::npos);
        CHECK_FALSE(why.operation().empty());
        CHECK_FALSE(why.object().empty());
        CHECK(std::string(why.what()).rfind(why.operation() + ": " + why.object(), 0) == 0);
    }
    CHECK(std::error_code(EMFILE, std::generic_category()) == fd2::errc::resource);
    CHECK(std::error_code(EMFILE, std::system_category()) == fd2::errc::resource);
    CHECK(std::error_code(EMFILE, std::generic_category()) != fd2::errc::denied);
    CHECK(fd2::make_error_code(fd2::errc::state) == fd2::errc::state);
    CHECK(fd2::kind_of(std::error_code()) == fd2::errc::ok);
}

TEST_CASE("connections outlive the host's name for it") {
    std::optional<fd2::SshConnection> child;
    test_pipe seen;
    {
        const fd2::host host(test_host::options({}, true, seen.write_end()));
        auto command = shell("cat >&2; exit 4");
        child.emplace(fd2::spawn(host, command));
    }
    child->in().write("still here\n");
    const auto [report, last] = child->wait_with_stderr();
    CHECK(report.status == fd2::exit_status::exited(4));
    CHECK(last.bytes == "still here\n");
    CHECK(seen.take() == "still here\n");
}

TEST_CASE("the observer hears once why a backend is not used, the snapshot keeps the trail") {
    // One that is not installed, and one whose file is not there.
    for (const std::string absent : {"nowhere-to-be-found", "/nowhere/gone.so"}) {
        heard ear;
        test_pipe seen;
        auto options =
            test_host::options({"backends.sync=" + absent + ",pipe"}, true, seen.write_end());
        options.watch = &ear;
        const fd2::host host(options);
        // The configuration may have been warned of.
        const std::size_t before = ear.messages.size();
        for (int i = 0; i < 2; ++i) {
            auto command = shell("echo x >&2");
            auto child = fd2::spawn(host, command);
            const auto last = child.wait_with_stderr().second;
            CHECK(last.backend == "pipe");
            REQUIRE(last.fallback.size() == 1);
            CHECK(last.fallback[0].backend == absent);
            CHECK(last.fallback[0].code == fd2::errc::unsupported);
        }
        CHECK(ear.messages.size() == before + 1);
    }
}

TEST_CASE("a name that nobody has is an error of the configuration where it stands alone") {
    test_pipe seen;
    auto options = test_host::options({"backends.sync=no-such"}, true, seen.write_end());
    std::error_code failed;
    std::string why;
    CHECK_FALSE(fd2::host::make(options, failed, &why));
    CHECK(failed == fd2::errc::config);
    CHECK(why.find("unknown backend \"no-such\"") != why.npos);

    heard ear;
    options.watch = &ear;
    options.set.back() = "backends.sync=no-such,pipe";
    CHECK(fd2::host::make(options, failed));
    REQUIRE(ear.messages.size() == 1);
    CHECK(ear.messages[0].find(FD2_TEST_BACKENDS) != std::string::npos);
}

TEST_CASE("a host for each job costs no descriptor in the long run") {
    std::size_t after_the_first = 0;
    for (int i = 0; i < 100; ++i) {
        const test_host host({}, true);
        auto command = shell("echo x >&2");
        CHECK(fd2::spawn(host, command).wait_with_stderr().second.bytes == "x\n");
        for (const char* backend : {"pipe", "tcpshim"}) {
            command.backend(backend);
            CHECK(fd2::spawn(host, command).wait_with_stderr().second.bytes == "x\n");
        }
        if (i == 0) after_the_first = open_descriptors();
        REQUIRE(open_descriptors() == after_the_first);
    }
}

TEST_CASE("a backend that the command names is that one or an error") {
    const test_host host;
    auto command = shell("echo x >&2");
    command.backend("tcpshim");
    CHECK(fd2::spawn(host, command).wait_with_stderr().second.medium == "tcp");
    command.backend("/nowhere/gone.so");
    std::error_code failed;
    CHECK_FALSE(fd2::spawn(host, command, failed));
    CHECK(failed == fd2::errc::unsupported);
    CHECK(failed != fd2::errc::internal);
    CHECK_FALSE(has_children());
}

TEST_CASE("an observer hears once that children inherit, and why") {
    heard ear;
    test_pipe seen;
    auto options = test_host::options({}, false, seen.write_end());
    options.watch = &ear;
    const fd2::host host(options);
    for (int i = 0; i < 2; ++i) {
        auto command = shell("exit 0");
        (void)fd2::loop_child::spawn(host, command, [] {});
    }
    REQUIRE(ear.messages.size() == 1);
    CHECK(ear.messages[0].find("features.ssh-socketpair-stderr") != std::string::npos);
}

TEST_CASE("while fd2 is disabled children inherit, whatever backend they name") {
    const test_host host({"enabled=false"});
    auto command = shell("exit 3");
    CHECK(fd2::spawn(host, command).wait_with_stderr().second.backend == "inherit");
    command.backend("pipe");
    CHECK(fd2::spawn(host, command).wait_with_stderr().second.backend == "inherit");
}

TEST_CASE("FD2_DISABLE counts where the system's configuration does") {
    ::setenv("FD2_DISABLE", "1", 1);
    for (const bool asked : {false, true}) {
        const test_pipe seen;
        auto options = test_host::options({}, true, seen.write_end());
        options.system_config = asked;
        const fd2::host host(options);
        auto command = shell("exit 0");
        const auto backend = fd2::spawn(host, command).wait_with_stderr().second.backend;
        CHECK((backend == "inherit") == asked);
    }
    ::unsetenv("FD2_DISABLE");
}
