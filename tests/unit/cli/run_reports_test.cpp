// What a run leaves behind by its configuration: when, under which name, and how it is written.
#include "cli/run_reports.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "base/unique_fd.hpp"
#include "cli/whole_file.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"

using namespace fd2;
using namespace fd2::cli;
using settings::report_policy;

namespace {

run_report clean() {
    run_report out;
    out.exit = exit_status::exited(0);
    out.record.emplace();
    out.record->end = end_kind::eof;
    return out;
}

std::string contents(const std::string& path) {
    std::ostringstream out;
    out << std::ifstream(path).rdbuf();
    return out.str();
}

bool is_failure(const run_report& one) {
    return is_reported(report_policy::failure, one);
}
bool is_loss(const run_report& one) {
    return is_reported(report_policy::loss, one);
}

std::string expanded(std::string_view pattern, path_values values = {}) {
    if (values.pid == 0) values.pid = 4711;
    return expand_placeholders(pattern, values);
}

mode_t mode_of(const std::string& path) {
    struct stat about {};
    REQUIRE(::stat(path.c_str(), &about) == 0);
    return about.st_mode & 07777;
}

}  // namespace

TEST_CASE("a run without a flaw is reported by always alone") {
    CHECK(is_reported(report_policy::always, clean()));
    CHECK_FALSE(is_failure(clean()));
    CHECK_FALSE(is_loss(clean()));
}

TEST_CASE("a failure: of the command, of a backend, of reading") {
    for (const auto end :
         {exit_status::exited(1), exit_status::signalled(15, false), exit_status::lost(10)}) {
        run_report one = clean();
        one.exit = end;
        CHECK(is_failure(one));
        CHECK_FALSE(is_loss(one));
    }
    run_report refused = clean();
    refused.attempts.push_back({"socketpair", {errc::resource, 24, "no"}});
    CHECK(is_failure(refused));
    CHECK_FALSE(is_loss(refused));
    run_report none = clean();
    none.record.reset();
    CHECK_FALSE(is_failure(none));  // that was the plan
    none.fell_back = true;
    CHECK(is_failure(none));
    run_report unread = clean();
    unread.record->end = end_kind::error;
    CHECK(is_failure(unread));
    CHECK(is_loss(unread));
}

TEST_CASE("a loss: of our stderr, of the log, of a subscriber, of the rest") {
    run_report one = clean();
    one.forwarded.dropped = 1;
    CHECK(is_loss(one));
    CHECK_FALSE(is_failure(one));
    one = clean();
    one.forward_errno = 32;
    CHECK(is_loss(one));
    one = clean();
    one.log_lines_lost = 1;
    CHECK(is_loss(one));
    one = clean();
    one.record->lines_dropped = 1;
    CHECK(is_loss(one));
    one = clean();
    one.record->end = end_kind::stopped;
    CHECK(is_loss(one));
    one = clean();
    one.record->end = end_kind::writers_remain;
    one.record->offset = 1000;  // the tail is short on purpose
    CHECK_FALSE(is_loss(one));
}

TEST_CASE("placeholders stand for the pid, the command, the host and the time") {
    path_values values{7, "ssh", "web1", 1795967794'123456789};
    CHECK(expanded("/x/%p", values) == "/x/7");
    CHECK(expanded("/x/%c.%h.err", values) == "/x/ssh.web1.err");
    CHECK(expanded("/x/%t%%%%p", values) == "/x/20261129T155634Z%%p");
    CHECK(expanded("/x/plain", values) == "/x/plain");
    CHECK(expanded("/x/%h") == "/x/-");
    CHECK(expanded("/x/%c") == "/x/-");
    CHECK(expanded("/x/%") == "/x/%");
}

TEST_CASE("no value leads to another directory, or hides the file") {
    CHECK(expanded("/x/%h", {1, "ssh", "../../etc/passwd", 0}) == "/x/_._.._etc_passwd");
    CHECK(expanded("/x/%h", {1, "ssh", "..", 0}) == "/x/_.");
    CHECK(expanded("/x/%h", {1, "ssh", ".ssh", 0}) == "/x/_ssh");
    CHECK(expanded("/x/%c", {1, "a\nb\x7F/c", {}, 0}) == "/x/a_b__c");
    CHECK(expanded("/x/%h", {1, "ssh", "%p", 0}) == "/x/%p");  // is not looked at again
}

TEST_CASE("lines are added to a file of mode 0600") {
    const ::scratch dir;
    const std::string path = dir / "reports";
    REQUIRE(append_line(path, "one\n", {}));
    REQUIRE(append_line(path, "two\n", {}));
    CHECK(contents(path) == "one\ntwo\n");
    CHECK(mode_of(path) == 0600);
}

TEST_CASE("a line that its writer did not finish is ended first") {
    const ::scratch dir;
    const std::string path = dir / "reports";
    std::ofstream(path) << "torn";
    REQUIRE(append_line(path, "one\n", {}));
    CHECK(contents(path) == "torn\none\n");
}

TEST_CASE("what is no regular file is refused, and no FIFO is waited for") {
    const ::scratch dir;
    const std::string fifo = dir / "fifo";
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    const auto refused = append_line(fifo, "one\n", {});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().message == "open: " + fifo + ": not a regular file");
    CHECK_FALSE(append_line(dir / "no/such", "one\n", {}));
    CHECK_FALSE(append_line(dir.path(), "one\n", {}));
}

TEST_CASE("a lock of another is waited for, within the limit, and not after a signal") {
    const ::scratch dir;
    const std::string path = dir / "reports";
    const unique_fd other(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    REQUIRE(::flock(other.get(), LOCK_EX) == 0);
    const auto late = append_line(path, "one\n", {millisecond, -1, {}});
    REQUIRE_FALSE(late);
    CHECK(late.error().message == "lock: " + path + ": another process holds it");
    int pipe[2];
    REQUIRE(::pipe2(pipe, O_CLOEXEC) == 0);
    const unique_fd readable(pipe[0]), end(pipe[1]);
    REQUIRE(::write(end.get(), "x", 1) == 1);
    const auto stopped = append_line(path, "one\n", {never, readable.get(), [] { return true; }});
    REQUIRE_FALSE(stopped);
    CHECK(stopped.error().message == "lock: " + path + ": interrupted by a signal");
    // Released by what is served meanwhile, and then it is our turn.
    const auto served = append_line(path, "one\n", {never, readable.get(), [&] {
                                                        ::flock(other.get(), LOCK_UN);
                                                        return false;
                                                    }});
    CHECK(served);
    CHECK(contents(path) == "one\n");
}

TEST_CASE("a file that was removed while we waited is made anew") {
    const ::scratch dir;
    const std::string path = dir / "reports";
    const unique_fd other(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    REQUIRE(::flock(other.get(), LOCK_EX) == 0);
    int pipe[2];
    REQUIRE(::pipe2(pipe, O_CLOEXEC) == 0);
    const unique_fd readable(pipe[0]), end(pipe[1]);
    REQUIRE(::write(end.get(), "x", 1) == 1);
    REQUIRE(append_line(path, "one\n", {never, readable.get(), [&] {
                                            ::unlink(path.c_str());
                                            ::flock(other.get(), LOCK_UN);
                                            return false;
                                        }}));
    CHECK(contents(path) == "one\n");
}

TEST_CASE("a file is replaced as a whole, by a new one of its own mode") {
    const ::scratch dir;
    const std::string path = dir / "out";
    std::ofstream(path) << "old";
    REQUIRE(::chmod(path.c_str(), 0666) == 0);
    const std::ifstream reader(path);
    const std::string_view parts[] = {"one ", "two"};
    REQUIRE(replace_file(path, parts, 0600));
    CHECK(contents(path) == "one two");
    CHECK(mode_of(path) == 0600);
    std::ostringstream before;
    before << reader.rdbuf();
    CHECK(before.str() == "old");  // who has opened it has all of it
    CHECK_FALSE(replace_file(dir.path(), parts, 0600));
    CHECK_FALSE(replace_file(dir / "no/such", parts, 0600));
    const std::string fifo = dir / "fifo";
    REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
    CHECK_FALSE(replace_file(fifo, parts, 0600));
    REQUIRE(::unlink(fifo.c_str()) == 0);
    std::size_t files = 0;
    for (const auto& each : std::filesystem::directory_iterator(dir.path())) {
        files += each.path().native().empty() ? 0 : 1;
    }
    CHECK(files == 1);
}
