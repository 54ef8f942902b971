// What our stderr may be on Windows, with a reader that comes, waits, or goes. Whatever is no file
// is written by the forwarder's thread, so every look at what arrived waits for it.
#include "base/handle.windows.hpp"

#include <ws2tcpip.h>

#include <array>
#include <atomic>
#include <fstream>
#include <iterator>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/files.hpp"
#include "base/system_code.hpp"
#include "base/winsock.windows.hpp"
#include "forward/forwarder.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"

using namespace fd2;
using namespace fd2::forward;

namespace {

constexpr nanoseconds_t hang = 60 * second;

struct ends {
    unique_fd ours;
    unique_fd theirs;
};

ends make_pipe(DWORD size = 4096) {
    HANDLE read = nullptr, write = nullptr;
    REQUIRE(::CreatePipe(&read, &write, nullptr, size) != 0);
    return {unique_fd(fd_of(write)), unique_fd(fd_of(read))};
}

/// The end that is written is one for overlapped calls, as a parent may have made it for itself.
ends make_overlapped_pipe() {
    static std::atomic<unsigned> number{0};
    const std::wstring name = L"\\\\.\\pipe\\fd2-test-" + std::to_wstring(::GetCurrentProcessId()) +
                              L"-" + std::to_wstring(++number);
    const HANDLE ours =
        ::CreateNamedPipeW(name.c_str(), PIPE_ACCESS_OUTBOUND | FILE_FLAG_OVERLAPPED,
                           PIPE_TYPE_BYTE | PIPE_WAIT, 1, 4096, 4096, 0, nullptr);
    REQUIRE(ours != INVALID_HANDLE_VALUE);
    const HANDLE theirs =
        ::CreateFileW(name.c_str(), GENERIC_READ, 0, nullptr, OPEN_EXISTING, 0, nullptr);
    REQUIRE(theirs != INVALID_HANDLE_VALUE);
    return {unique_fd(fd_of(ours)), unique_fd(fd_of(theirs))};
}

ends make_sockets() {
    REQUIRE(start_winsock() == 0);
    const unique_fd listener(fd_of_socket(::socket(AF_INET, SOCK_STREAM, 0)));
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int size = sizeof at;
    auto* const address = reinterpret_cast<sockaddr*>(&at);
    REQUIRE(::bind(socket_of(listener.get()), address, size) == 0);
    REQUIRE(::listen(socket_of(listener.get()), 1) == 0);
    REQUIRE(::getsockname(socket_of(listener.get()), address, &size) == 0);
    ends out;
    out.ours.reset(fd_of_socket(::WSASocketW(AF_INET, SOCK_STREAM, 0, nullptr, 0, 0)));
    REQUIRE(::connect(socket_of(out.ours.get()), address, size) == 0);
    out.theirs.reset(fd_of_socket(::accept(socket_of(listener.get()), nullptr, nullptr)));
    REQUIRE(out.theirs);
    return out;
}

/// Reads until `size` bytes have come or there are no more.
std::string read_exactly(int fd, std::size_t size) {
    std::string out(size, '\0');
    std::size_t have = 0;
    while (have < size) {
        const auto got = read_some(fd, out.data() + have, size - have);
        if (!got || *got == 0) break;
        have += *got;
    }
    out.resize(have);
    return out;
}

flow give(stream& to, std::string_view text) {
    return to.offer(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
}

class listener final : public observer {
  public:
    void on_event(const event& what) noexcept override {
        const std::lock_guard<std::mutex> lock(mutex_);
        messages_.emplace_back(what.message);
    }
    std::vector<std::string> messages() {
        const std::lock_guard<std::mutex> lock(mutex_);
        return messages_;
    }

  private:
    std::mutex mutex_;
    std::vector<std::string> messages_;
};

options with(blocked_policy blocked, std::size_t buffer, nanoseconds_t stall) {
    options out;
    out.blocked = blocked;
    out.buffer = buffer;
    out.stall = stall;
    return out;
}

}  // namespace

TEST_CASE("what is offered goes out in order, notes between") {
    const ends p = make_pipe();
    forwarder f(p.ours.get(), {}, nullptr);
    CHECK(f.writer_name() == "pipe");
    const auto s = f.open({});
    give(*s, "one\n");
    CHECK(f.note("fd2: two\n"));
    give(*s, "three\n");
    CHECK(s->flush(now() + hang));
    CHECK(read_exactly(p.theirs.get(), 19) == "one\nfd2: two\nthree\n");
    CHECK(s->counts().forwarded == 10);
    CHECK(f.failed() == 0);
}

TEST_CASE("more than a pipe holds arrives whole while somebody reads") {
    const bool overlapped = GENERATE(false, true);
    const ends p = overlapped ? make_overlapped_pipe() : make_pipe();
    forwarder f(p.ours.get(), with(blocked_policy::automatic, 1 << 20, 10 * second), nullptr);
    const auto s = f.open({});
    std::string text;
    for (int i = 0; text.size() < 300'000; ++i) text += "line " + std::to_string(i) + "\n";
    std::string got;
    std::thread reader([&] { got = read_exactly(p.theirs.get(), text.size()); });
    for (std::size_t at = 0; at < text.size(); at += 10'000) {
        give(*s, std::string_view(text).substr(at, 10'000));
    }
    CHECK(s->flush(now() + hang));
    reader.join();
    CHECK(got == text);
    CHECK(s->counts().forwarded == text.size());
}

TEST_CASE("nobody reads: offering does not hang, what the buffer does not hold is counted") {
    const bool overlapped = GENERATE(false, true);
    const ends p = overlapped ? make_overlapped_pipe() : make_pipe();
    forwarder f(p.ours.get(), with(blocked_policy::drop, 32 << 10, second), nullptr);
    const auto s = f.open({});
    const nanoseconds_t start = now();
    for (int i = 0; i < 100; ++i) CHECK(give(*s, std::string(4096, 'x')) == flow::more);
    CHECK(now() - start < 5 * second);
    const counters c = s->counts();
    CHECK(c.dropped > 200'000);
    CHECK(c.offered == c.forwarded + c.dropped + c.queued);
}

TEST_CASE("a forwarder ends although its thread stands in a write") {
    const bool overlapped = GENERATE(false, true);
    const ends p = overlapped ? make_overlapped_pipe() : make_pipe();
    const nanoseconds_t start = now();
    {
        forwarder f(p.ours.get(), with(blocked_policy::drop, 64 << 10, 100 * millisecond), nullptr);
        const auto s = f.open({});
        give(*s, std::string(60'000, 'x'));
        ::Sleep(50);
        CHECK_FALSE(s->flush(now() + hang));
    }
    CHECK(now() - start < 10 * second);
}

TEST_CASE("a reader that has gone ends forwarding, and is reported once") {
    ends p = make_pipe();
    listener told;
    std::atomic<int> resumed{0};
    {
        forwarder f(p.ours.get(), {}, &told);
        const auto s = f.open([&] { ++resumed; });
        give(*s, "x");
        REQUIRE(s->flush(now() + hang));
        p.theirs.reset();
        give(*s, "lost");
        CHECK_FALSE(s->flush(now() + hang));
        CHECK(f.failed() != 0);
        give(*s, "lost too");
        CHECK(s->counts().dropped == 12);
    }
    REQUIRE(told.messages().size() == 1);
    INFO(told.messages()[0]);
    CHECK(told.messages()[0].starts_with("forwarding: write: standard error: "));
}

TEST_CASE("a paused stream is resumed once there is room again") {
    const ends p = make_pipe();
    std::atomic<int> resumed{0};
    forwarder f(p.ours.get(), with(blocked_policy::wait, 256 << 10, hang), nullptr);
    const auto s = f.open([&] { ++resumed; });
    const std::string block(64 << 10, 'x');
    CHECK(give(*s, block) == flow::pause);
    ::Sleep(20);
    CHECK(resumed == 0);
    CHECK(read_exactly(p.theirs.get(), block.size()) == block);
    for (int i = 0; i < 1000 && resumed == 0; ++i) ::Sleep(10);
    CHECK(resumed == 1);
    CHECK(s->counts().dropped == 0);
}

TEST_CASE("a flush that does not wait tells when it is over") {
    const ends p = make_pipe();
    std::atomic<bool> over{false};
    forwarder f(p.ours.get(), {}, nullptr);
    const auto s = f.open({});
    give(*s, "last words\n");
    if (s->flush_then([&] { over = true; })) over = true;
    CHECK(read_exactly(p.theirs.get(), 11) == "last words\n");
    for (int i = 0; i < 1000 && !over; ++i) ::Sleep(10);
    CHECK(over);
}

TEST_CASE("lines go out whole behind the prefix") {
    const ends p = make_pipe();
    options how;
    how.how = forward_mode::lines;
    how.prefix = "> ";
    forwarder f(p.ours.get(), how, nullptr);
    const auto s = f.open({});
    give(*s, "one\nhal");
    CHECK(read_exactly(p.theirs.get(), 6) == "> one\n");
    give(*s, "f\n");
    CHECK(read_exactly(p.theirs.get(), 7) == "> half\n");
}

TEST_CASE("a file is written at once") {
    const scratch dir;
    const std::string path = dir / "out";
    {
        const unique_fd file(fd_of(::CreateFileW(path_of(path).c_str(), GENERIC_WRITE, 0, nullptr,
                                                 CREATE_NEW, 0, nullptr)));
        REQUIRE(file);
        forwarder f(file.get(), {}, nullptr);
        CHECK(f.writer_name() == "plain");
        const auto s = f.open({});
        give(*s, "a\r\nb");
        CHECK(s->counts().forwarded == 4);
    }
    std::ifstream in(path_of(path), std::ios::binary);
    CHECK(std::string(std::istreambuf_iterator<char>(in), {}) == "a\r\nb");
}

TEST_CASE("a socket is written, and one that waits for nobody too") {
    const bool waits = GENERATE(true, false);
    const ends p = make_sockets();
    if (!waits) REQUIRE(set_non_blocking(p.ours.get()) == 0);
    forwarder f(p.ours.get(), {}, nullptr);
    CHECK(f.writer_name() == "socket");
    const auto s = f.open({});
    give(*s, "through TCP\n");
    CHECK(s->flush(now() + hang));
    std::array<char, 64> got{};
    CHECK(::recv(socket_of(p.theirs.get()), got.data(), static_cast<int>(got.size()), 0) == 12);
    CHECK(std::string_view(got.data(), 12) == "through TCP\n");
}

TEST_CASE("no stderr and a handle that is none end forwarding at once") {
    for (const int fd : {-1, 0x7FFFFFF0}) {
        forwarder f(fd, {}, nullptr);
        CHECK(f.failed() != 0);
        CHECK(f.writer_name() == "none");
        const auto s = f.open({});
        give(*s, "nowhere");
        CHECK(s->counts().dropped == 7);
        CHECK_FALSE(f.note("nowhere\n"));
    }
}
