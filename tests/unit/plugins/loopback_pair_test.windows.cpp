// The TCP pair, and each safeguard of its handshake.
// It brings windows.h, which by itself would bring the older winsock.h.
#include <winsock2.h>
// After it.
#include <winternl.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "media/loopback_pair.hpp"
#include "support/catch.hpp"

using fd2::plugin::make_loopback_pair;

namespace {

SOCKET socket_of(int native) {
    return static_cast<SOCKET>(static_cast<std::intptr_t>(native));
}

/// Owns a socket.
class end {
  public:
    end() = default;
    explicit end(SOCKET socket) : socket_(socket) {}
    end(end&& other) noexcept : socket_(std::exchange(other.socket_, INVALID_SOCKET)) {}
    end& operator=(end&& other) noexcept {
        std::swap(socket_, other.socket_);
        return *this;
    }
    ~end() { reset(); }
    void reset() {
        if (socket_ != INVALID_SOCKET) closesocket(socket_);
        socket_ = INVALID_SOCKET;
    }
    SOCKET get() const { return socket_; }
    HANDLE handle() const { return reinterpret_cast<HANDLE>(socket_); }

  private:
    SOCKET socket_ = INVALID_SOCKET;
};

sockaddr* generic(sockaddr_in& address) {
    return reinterpret_cast<sockaddr*>(&address);
}

sockaddr_in local_of(SOCKET socket) {
    sockaddr_in out{};
    int size = sizeof(out);
    REQUIRE(getsockname(socket, generic(out), &size) == 0);
    return out;
}

sockaddr_in remote_of(SOCKET socket) {
    sockaddr_in out{};
    int size = sizeof(out);
    REQUIRE(getpeername(socket, generic(out), &size) == 0);
    return out;
}

int integer_option(SOCKET socket, int level, int name) {
    int out = 0;
    int size = sizeof(out);
    REQUIRE(getsockopt(socket, level, name, reinterpret_cast<char*>(&out), &size) == 0);
    return out;
}

/// One that does not wait.
end connecting_to(sockaddr_in address) {
    end out(::socket(AF_INET, SOCK_STREAM, IPPROTO_TCP));
    u_long on = 1;
    REQUIRE(ioctlsocket(out.get(), FIONBIO, &on) == 0);
    (void)connect(out.get(), generic(address), sizeof(address));
    return out;
}

/// Made for I/O that waits in the call: FileModeInformation says so.
bool is_synchronous(HANDLE handle) {
    constexpr int file_mode = 16;
    ULONG mode = 0;
    IO_STATUS_BLOCK status{};
    const auto query =
        reinterpret_cast<decltype(&NtQueryInformationFile)>(reinterpret_cast<void (*)()>(
            GetProcAddress(GetModuleHandleW(L"ntdll.dll"), "NtQueryInformationFile")));
    REQUIRE(query(handle, &status, &mode, sizeof(mode),
                  static_cast<FILE_INFORMATION_CLASS>(file_mode)) == 0);
    return (mode & 0x30) != 0;
}

bool is_inheritable(HANDLE handle) {
    DWORD flags = 0;
    REQUIRE(GetHandleInformation(handle, &flags) != 0);
    return (flags & HANDLE_FLAG_INHERIT) != 0;
}

DWORD open_handles() {
    DWORD count = 0;
    REQUIRE(GetProcessHandleCount(GetCurrentProcess(), &count) != 0);
    return count;
}

/// Waits until a read says something, at most a minute: how many bytes, or -1 for an error.
int received(SOCKET socket, char* into, int size) {
    const auto until = fd2::after(fd2::now(), 60 * fd2::second);
    for (;;) {
        const int got = recv(socket, into, size, 0);
        if (got >= 0 || WSAGetLastError() != WSAEWOULDBLOCK || fd2::now() > until) return got;
        Sleep(1);
    }
}

/// What happens between listen and connect.
struct seam {
    std::function<void(SOCKET listener)> then;

    static void listening(void* ctx, int listener) {
        static_cast<seam*>(ctx)->then(socket_of(listener));
    }
    fd2::plugin::pair_watch watch() { return {listening, this}; }
};

struct made {
    bool good = false;
    end kept;
    end child;
    fd2::plugin::pair_failure failed;
};

/// The host does it for a plugin.
void start_winsock() {
    static const int started = [] {
        WSADATA ignored;
        return WSAStartup(MAKEWORD(2, 2), &ignored);
    }();
    REQUIRE(started == 0);
}

made make(
    fd2::nanoseconds_t limit, std::function<void(SOCKET)> then = [](SOCKET) {}) {
    start_winsock();
    seam between{std::move(then)};
    const auto watch = between.watch();
    fd2::plugin::tcp_ends ends;
    made out;
    out.good = make_loopback_pair(fd2::after(fd2::now(), limit), &watch, ends, out.failed);
    if (out.good) {
        out.kept = end(socket_of(ends.kept));
        out.child = end(socket_of(ends.child));
    }
    return out;
}

constexpr fd2::nanoseconds_t plenty = 60 * fd2::second;

/// What the pair must be whatever happened before.
void check_ours(const made& pair, std::uint16_t port) {
    INFO((pair.failed.operation != nullptr ? pair.failed.operation : "") << pair.failed.sys_errno);
    REQUIRE(pair.good);
    const auto ours = local_of(pair.kept.get());
    const auto theirs = local_of(pair.child.get());
    CHECK(theirs.sin_port == port);  // the accepted end is the child's
    CHECK(remote_of(pair.kept.get()).sin_port == theirs.sin_port);
    CHECK(remote_of(pair.child.get()).sin_port == ours.sin_port);
    DWORD put = 0;  // as a child writes
    REQUIRE(WriteFile(pair.child.handle(), "word", 4, &put, nullptr) != 0);
    CHECK(put == 4);
    char got[8];
    CHECK(received(pair.kept.get(), got, sizeof(got)) == 4);
}

}  // namespace

TEST_CASE("the pair carries from the accepted end to the connecting one") {
    std::uint16_t port = 0;
    const auto pair = make(plenty, [&](SOCKET listener) { port = local_of(listener).sin_port; });
    check_ours(pair, port);
    CHECK(integer_option(pair.child.get(), IPPROTO_TCP, TCP_NODELAY) != 0);
    char unused;
    CHECK(recv(pair.kept.get(), &unused, 1, 0) == SOCKET_ERROR);  // it does not block
    CHECK(WSAGetLastError() == WSAEWOULDBLOCK);
    CHECK(recv(pair.child.get(), &unused, 1, 0) <= 0);  // a child that reads its stderr
}

TEST_CASE("the child's end is as a child expects it, and ours as a completion port does") {
    const auto pair = make(plenty);
    REQUIRE(pair.good);
    CHECK(is_synchronous(pair.child.handle()));
    CHECK_FALSE(is_synchronous(pair.kept.handle()));
}

TEST_CASE("no child inherits an end that it was not given") {
    bool listener_is = true;
    const auto pair = make(plenty, [&](SOCKET listener) {
        listener_is = is_inheritable(reinterpret_cast<HANDLE>(listener));
    });
    REQUIRE(pair.good);
    CHECK_FALSE(listener_is);
    CHECK_FALSE(is_inheritable(pair.child.handle()));
    CHECK_FALSE(is_inheritable(pair.kept.handle()));
}

TEST_CASE("it listens on 127.0.0.1 alone") {
    make(plenty, [&](SOCKET listener) {
        CHECK(local_of(listener).sin_addr.s_addr == htonl(INADDR_LOOPBACK));
    });
}

TEST_CASE("nobody else can bind its address") {
    make(plenty, [&](SOCKET listener) {
        auto address = local_of(listener);
        const end thief(::socket(AF_INET, SOCK_STREAM, IPPROTO_TCP));
        const BOOL on = TRUE;  // by which Windows lets anybody take an address over
        REQUIRE(setsockopt(thief.get(), SOL_SOCKET, SO_REUSEADDR,
                           reinterpret_cast<const char*>(&on), sizeof(on)) == 0);
        CHECK(bind(thief.get(), generic(address), sizeof(address)) == SOCKET_ERROR);
        CHECK(integer_option(listener, SOL_SOCKET, SO_EXCLUSIVEADDRUSE) != 0);
    });
}

TEST_CASE("a stranger's connection is dropped and the wait goes on") {
    for (const int count : {1, 5}) {
        std::vector<end> strangers;
        std::uint16_t port = 0;
        const auto pair = make(plenty, [&](SOCKET listener) {
            const auto address = local_of(listener);
            port = address.sin_port;
            for (int i = 0; i < count; ++i) strangers.push_back(connecting_to(address));
            Sleep(50);  // they are queued first
        });
        INFO(count << " strangers");
        check_ours(pair, port);
        for (const auto& stranger : strangers) {
            CHECK(local_of(stranger.get()).sin_port != remote_of(pair.child.get()).sin_port);
            char unused;
            CHECK(received(stranger.get(), &unused, 1) <= 0);
        }
    }
}

TEST_CASE("a handshake that does not come about ends at its limit and leaves nothing") {
    // Strangers fill the queue of the listener, which drops what comes after.
    (void)make(plenty);  // what Winsock makes once is there
    const DWORD before = open_handles();
    std::vector<end> strangers;
    const auto begun = fd2::now();
    const auto pair = make(50 * fd2::millisecond, [&](SOCKET listener) {
        for (int i = 0; i < 40; ++i) strangers.push_back(connecting_to(local_of(listener)));
        Sleep(20);
    });
    const auto took = fd2::now() - begun;
    CHECK_FALSE(pair.good);
    REQUIRE(pair.failed.operation != nullptr);
    CHECK(std::string(pair.failed.operation) == "accept");
    CHECK(pair.failed.sys_errno == WSAETIMEDOUT);
    CHECK(took >= 50 * fd2::millisecond);
    CHECK(took < 5 * fd2::second);
    strangers.clear();
    CHECK(open_handles() == before);
}

TEST_CASE("the listener is gone when the pair is there") {
    sockaddr_in address{};
    const auto pair = make(plenty, [&](SOCKET listener) { address = local_of(listener); });
    REQUIRE(pair.good);
    const end late(::socket(AF_INET, SOCK_STREAM, IPPROTO_TCP));
    CHECK(connect(late.get(), generic(address), sizeof(address)) == SOCKET_ERROR);
    CHECK(WSAGetLastError() == WSAECONNREFUSED);
}
