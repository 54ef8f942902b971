// Without memory: operator new of this program fails on demand.
#include <atomic>
#include <cstdlib>
#include <new>

#include "unit/logging/support.hpp"

namespace {

thread_local bool this_thread_fails = false;
thread_local int this_thread_still_gets = 0;  // before it fails
std::atomic<bool> others_fail{false};
thread_local bool exempt = false;
std::atomic<std::uint64_t> failures{0};

void* allocate(std::size_t size) noexcept {
    const bool fails = this_thread_fails && this_thread_still_gets-- <= 0;
    if (fails || (others_fail.load(std::memory_order_relaxed) && !exempt)) {
        ++failures;
        return nullptr;
    }
    return std::malloc(size == 0 ? 1 : size);
}

}  // namespace

void* operator new(std::size_t size) {
    if (void* got = allocate(size)) return got;
    throw std::bad_alloc();
}
void* operator new[](std::size_t size) {
    return operator new(size);
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return allocate(size);
}
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept {
    return allocate(size);
}
void operator delete(void* what) noexcept {
    std::free(what);
}
void operator delete[](void* what) noexcept {
    std::free(what);
}
void operator delete(void* what, std::size_t) noexcept {
    std::free(what);
}
void operator delete[](void* what, std::size_t) noexcept {
    std::free(what);
}
void operator delete(void* what, const std::nothrow_t&) noexcept {
    std::free(what);
}
void operator delete[](void* what, const std::nothrow_t&) noexcept {
    std::free(what);
}

using namespace logging_test;
using fd2::severity;

TEST_CASE("without memory a log call drops, counts and returns") {
    const auto got_before = GENERATE(0, 1);
    const scratch dir;
    console tty;
    log_options options;
    options.console = tty.writer();
    options.file = dir / "log";
    std::uint64_t failed = 0;
    {
        const auto log = open_log(options);
        bell room;
        const auto sink = log->open_lines(room.ring());
        // The first record needs a block, which cannot be had.
        line_record line;
        line.text = "a line";
        failures = 0;
        this_thread_fails = true;
        for (int i = 0; i < 5; ++i) {
            this_thread_still_gets = got_before;
            log->on_event({severity::error, "no memory"});
        }
        this_thread_still_gets = got_before;
        const verdict said = sink->offer(line);
        this_thread_still_gets = 0;
        this_thread_fails = false;
        failed = failures;
        CHECK(said == verdict::room);
        CHECK(log->stats().events_dropped == 5);
        CHECK(sink->counts().dropped == 1);
        REQUIRE(tty.wait_for("dropped: no room in the log queue"));
        say(*log, severity::error, "memory again");
    }
    CHECK(failed >= 6);
    CHECK(tty.count("memory again") == 1);
    CHECK(tty.count("no memory") == 0);
}

TEST_CASE("the log thread survives a lack of memory and loses only what it could not hold") {
    const scratch dir;
    std::atomic<int> heard{0};
    log_options options;
    options.console = [&heard](std::string_view) {
        ++heard;
        return true;
    };
    options.file = dir / "log";
    const auto log = open_log(options);
    const auto sink = log->open_lines({});
    say(*log, severity::error, "before");
    REQUIRE(log->flush(soon()));
    exempt = true;
    failures = 0;
    others_fail = true;
    log->on_event({severity::error, "a message that is too long for any small string"});
    line_record line;
    const std::string text(600'000, 'x');  // beyond what the log thread holds in reserve
    line.text = text;
    sink->offer(line);
    const bool settled = log->flush(soon());
    others_fail = false;
    exempt = false;
    REQUIRE(settled);
    CHECK(failures > 0);
    CHECK(log->stats().events_dropped == 1);
    CHECK(sink->counts().dropped == 1);
    say(*log, severity::error, "after");
    REQUIRE(log->flush(soon()));
    CHECK(heard >= 2);
    CHECK(contents(options.file).find("after") != std::string::npos);
}

TEST_CASE("a service that cannot be built for lack of memory is a failure, not an exception") {
    log_options options;
    options.console = [](std::string_view) { return true; };
    this_thread_fails = true;
    const auto opened = log_service::open(std::move(options));
    this_thread_fails = false;
    REQUIRE_FALSE(opened);
    CHECK(opened.error().sys_errno == ENOMEM);
    CHECK(opened.error().code == fd2::errc::resource);
}
