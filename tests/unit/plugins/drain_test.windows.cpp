// The drain kit over both objects that Windows has: what a channel costs, and how a reader is
// woken.
#include <atomic>
#include <string>

#include "media/pipe_medium.windows.hpp"
#include "media/tcp_medium.windows.hpp"
#include "support/catch.hpp"

namespace {

struct seen {
    std::atomic<std::uint64_t> bytes{0};
    std::atomic<std::int32_t> reason{0};

    fd2_sink sink() { return {sizeof(fd2_sink), 0, this, on_bytes, on_end, nullptr}; }

  private:
    static std::int32_t on_bytes(void* ctx, const std::uint8_t*, std::uint32_t size) {
        static_cast<seen*>(ctx)->bytes += size;
        return FD2_CONTINUE;
    }
    static void on_end(void* ctx, std::int32_t reason, std::int32_t) {
        static_cast<seen*>(ctx)->reason = reason;
    }
};

/// An instance, for channels over a pipe or TCP.
class host {
  public:
    explicit host(bool over_tcp) : over_tcp_(over_tcp) {
        WSADATA ignored;
        REQUIRE(WSAStartup(MAKEWORD(2, 2), &ignored) == 0);
        const fd2_host table{sizeof(fd2_host), 0, nullptr, nullptr, nullptr};
        REQUIRE(fd2_drain_init(&table, &instance_, nullptr) == FD2_OK);
    }
    ~host() { CHECK(fd2_drain_deinit(instance_) == FD2_OK); }
    host(const host&) = delete;
    host& operator=(const host&) = delete;

    fd2_channel* open(seen& into) const {
        fd2_drain_spec spec{};
        spec.thread_name = "fd2-test";
        REQUIRE((over_tcp_ ? fd2::plugin::tcp_medium::make(nullptr, spec, nullptr)
                           : fd2::plugin::pipe_medium::make(nullptr, spec, nullptr)) == FD2_OK);
        const fd2_sink sink = into.sink();
        fd2_channel* channel = nullptr;
        REQUIRE(fd2_drain_open(instance_, &spec, &sink, &channel, nullptr) == FD2_OK);
        return channel;
    }
    void close_end(fd2_native end) const {
        fd2_drain_close_end(end, over_tcp_ ? FD2_MEDIUM_TCP : FD2_MEDIUM_PIPE);
    }

  private:
    bool over_tcp_;
    fd2_instance* instance_ = nullptr;
};

fd2_native end_of(fd2_channel* channel) {
    fd2_native end = FD2_NATIVE_NONE;
    REQUIRE(fd2_drain_take_child_end(channel, &end, nullptr) == FD2_OK);
    return end;
}

bool put(fd2_native end, const char* text) {
    DWORD written = 0;
    const auto size = static_cast<DWORD>(strlen(text));
    return WriteFile(fd2_drain_handle(end), text, size, &written, nullptr) != 0 && written == size;
}

DWORD open_handles() {
    DWORD count = 0;
    REQUIRE(GetProcessHandleCount(GetCurrentProcess(), &count) != 0);
    return count;
}

}  // namespace

TEST_CASE("channels leave the number of handles as it was") {
    for (const bool over_tcp : {false, true}) {
        INFO((over_tcp ? "TCP" : "pipe"));
        const host by(over_tcp);
        DWORD before = 0;
        for (int i = 0; i < 60; ++i) {
            if (i == 10) before = open_handles();  // what is made once is there
            seen into;
            fd2_channel* channel = by.open(into);
            const fd2_native end = end_of(channel);
            REQUIRE(fd2_drain_start(channel, nullptr) == FD2_OK);
            REQUIRE(put(end, "x"));
            if (i % 2 == 0) REQUIRE(fd2_drain_finish(channel, FD2_FINISH_NOW) == FD2_OK);
            by.close_end(end);
            REQUIRE(fd2_drain_join(channel, INT64_MAX) == FD2_OK);
            REQUIRE(fd2_drain_close(channel) == FD2_OK);
        }
        CHECK(open_handles() == before);
    }
}

TEST_CASE("a reader that waits is woken, and its writers do not notice") {
    for (const bool over_tcp : {false, true}) {
        INFO((over_tcp ? "TCP" : "pipe"));
        const host by(over_tcp);
        seen into;
        fd2_channel* channel = by.open(into);
        const fd2_native end = end_of(channel);
        REQUIRE(fd2_drain_start(channel, nullptr) == FD2_OK);
        Sleep(20);  // it waits
        REQUIRE(fd2_drain_finish(channel, FD2_FINISH_NOW) == FD2_OK);
        REQUIRE(fd2_drain_join(channel, fd2_drain_clock() + 10'000'000'000) == FD2_OK);
        CHECK(into.reason == FD2_END_STOPPED);
        CHECK(put(end, "late"));
        CHECK(into.bytes == 0);
        CHECK(fd2_drain_close(channel) == FD2_OK);
        by.close_end(end);
    }
}

TEST_CASE("an event tells a caller's loop of bytes and of the end") {
    for (const bool over_tcp : {false, true}) {
        INFO((over_tcp ? "TCP" : "pipe"));
        const host by(over_tcp);
        seen into;
        fd2_channel* channel = by.open(into);
        const fd2_native end = end_of(channel);
        fd2_native watched = FD2_NATIVE_NONE;
        REQUIRE(fd2_drain_attach_poll(channel, &watched, nullptr) == FD2_OK);
        const HANDLE event = fd2_drain_handle(watched);
        CHECK(WaitForSingleObject(event, 20) == WAIT_TIMEOUT);
        REQUIRE(put(end, "word"));
        REQUIRE(WaitForSingleObject(event, 10'000) == WAIT_OBJECT_0);
        std::int64_t deadline = 0;
        CHECK(fd2_drain_on_ready(channel, 65536, &deadline) == FD2_READY_WAIT);
        CHECK(into.bytes == 4);
        CHECK(WaitForSingleObject(event, 20) == WAIT_TIMEOUT);
        by.close_end(end);
        REQUIRE(WaitForSingleObject(event, 10'000) == WAIT_OBJECT_0);
        CHECK(fd2_drain_on_ready(channel, 65536, &deadline) == FD2_READY_ENDED);
        CHECK(into.reason == FD2_END_EOF);
        CHECK(fd2_drain_close(channel) == FD2_OK);
    }
}
