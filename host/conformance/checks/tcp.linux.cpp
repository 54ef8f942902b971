// What is particular to channels over TCP: bytes under way, ports, and a kernel that tells nothing.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "conformance/check.hpp"
#include "conformance/deny.hpp"
#include "conformance/driver.hpp"
#include "conformance/worker.hpp"
#include "conformance/world.hpp"

using namespace fd2::conformance;

namespace {

constexpr int time_wait = 6;  // TCP_TIME_WAIT of the kernel

/// The variants over TCP.
std::vector<variant> over_tcp() {
    std::vector<variant> out;
    for (const auto& each : variants()) {
        if (each.tested->object() == object_kind::tcp) out.push_back(each);
    }
    return out;
}

int port_of(int socket) {
    sockaddr_in address{};
    socklen_t size = sizeof(address);
    REQUIRE(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    return ntohs(address.sin_port);
}

/// How many sockets of this network namespace are in that state and touch the port.
int sockets_at(int port, int state) {
    std::ifstream table("/proc/net/tcp");
    char wanted[8];
    std::snprintf(wanted, sizeof(wanted), ":%04X", static_cast<unsigned>(port));
    int count = 0;
    std::string line;
    std::getline(table, line);  // the heading
    while (std::getline(table, line)) {
        std::istringstream fields(line);
        std::string slot, local, remote, st;
        fields >> slot >> local >> remote >> st;
        if (std::stoi(st, nullptr, 16) != state) continue;
        count += local.ends_with(wanted) || remote.ends_with(wanted);
    }
    return count;
}

}  // namespace

CHECK_CASE(F10, should, "S7", "a channel over TCP leaves no port in TIME_WAIT, however it ends",
           "reads /proc/net/tcp") {
    NEEDS(!over_tcp().empty(), "is not over TCP");
    for (const auto& v : over_tcp()) {
        for (const bool child_first : {true, false}) {
            INFO(v << (child_first ? ", the child closes first" : ", a holder remains"));
            recorder into;
            const auto channel = started(v, into);
            auto end = channel->take_child_end();
            const int port = port_of(end.get());
            REQUIRE(write_all(end.get(), "word", 4));
            REQUIRE(into.wait_bytes(4));
            if (child_first) end.reset();
            channel->wind_up(FD2_FINISH_DRAIN, into);
            end.reset();
            CHECK(sockets_at(port, time_wait) == 0);
        }
        INFO(v << ", released and closed by the host");
        recorder into;
        const auto channel = started(v, into);
        const auto end = channel->take_child_end();
        const int port = port_of(end.get());
        fd2_carry carry{};
        REQUIRE(channel->release(carry) == FD2_OK);
        ::close(static_cast<int>(carry.read));
        CHECK(sockets_at(port, time_wait) == 0);
        CHECK(channel->close() == FD2_OK);
    }
}

CHECK_CASE(B25, should, "L9", "a child on TCP that reads its fd 2 sees the end of the file",
           "a real child reads") {
    NEEDS(!over_tcp().empty(), "is not over TCP");
    for (const auto& v : over_tcp()) {
        recorder into;
        const auto channel = started(v, into);
        const auto end = channel->take_child_end();
        child reader(end.get(), [] {
            char byte;
            return ::read(2, &byte, 1) == 0 && write_all(2, "still", 5) ? 0 : 1;
        });
        CHECK(reader.wait() == 0);
        channel->wind_up(FD2_FINISH_DRAIN, into);
        CHECK(into.bytes() == "still");
    }
}

CHECK_CASE(K22, must, "F3 C5",
           "a channel whose kernel tells what is under way ends by construction",
           "looks for SETTLES in info") {
    NEEDS(!over_tcp().empty(), "is not over TCP");
    for (const auto& v : over_tcp()) {
        recorder into;
        const auto channel = started(v, into);
        CHECK((channel->info().flags & FD2_INFO_SETTLES) == 0);
    }
}

HELPER("channels over TCP where netlink is refused") {
    (void)tested();  // loaded, and their instances made, before
    if (!deny(SYS_socket, AF_NETLINK)) std::exit(77);
    for (const auto& v : over_tcp()) {
        INFO(v);
        const auto& table = v.tested->table();
        fd2_host host{};
        host.struct_size = sizeof(host);
        fd2_instance* instance = nullptr;
        REQUIRE(table.init(&host, &instance, nullptr) == FD2_OK);
        recorder into;
        into.keeps = false;
        into.on_bytes = [](const std::uint8_t*, std::uint32_t) { return FD2_PAUSE; };
        const fd2_sink sink = into.sink();
        constexpr auto silence = 2 * fd2::second;
        const fd2_option settle{sizeof(fd2_option), FD2_OPTION_DURATION, "settle", nullptr,
                                silence};
        const auto options = v.tested->with_configured({settle});
        const fd2_options given{sizeof(fd2_options), static_cast<std::uint32_t>(options.size()),
                                sizeof(fd2_option), 0, options.data()};
        fd2_channel* channel = nullptr;
        fd2_error error = blank_error();
        REQUIRE(table.open(instance, &given, &sink, &channel, &error) == FD2_OK);
        fd2_info info{};
        info.struct_size = sizeof(info);
        REQUIRE(v.tested->ops().info(channel, &info) == FD2_OK);
        CHECK((info.flags & FD2_INFO_SETTLES) != 0);
        REQUIRE(v.tested->ops().start(channel, &error) == FD2_OK);
        fd2_native end = FD2_NATIVE_NONE;
        REQUIRE(v.tested->ops().take_child_end(channel, &end, &error) == FD2_OK);
        const fd2::unique_fd writer(static_cast<int>(end));
        REQUIRE(write_pattern(writer.get(), 0, 1, 1));
        REQUIRE(into.wait_bytes(1));
        const std::uint64_t size = fill_pattern(writer.get(), 1, 30000);
        CHECK(v.tested->ops().finish(channel, FD2_FINISH_DRAIN) == FD2_OK);
        // It does not end at what lay there when it was asked, nor at the first empty read.
        REQUIRE(into.wait_bytes(1 + size));
        ::usleep(50000);
        REQUIRE(write_pattern(writer.get(), 1 + size, 100, 100));
        CHECK(v.tested->ops().join(channel, hang() + silence) == FD2_OK);
        CHECK(into.total() == 1 + size + 100);
        CHECK(into.reason() == FD2_END_DRAINED);
        CHECK(into.violations() == "");
        CHECK(v.tested->ops().close(channel) == FD2_OK);
        CHECK(table.deinit(instance) == FD2_OK);
    }
}

CHECK_CASE(K23, must, "F3 C5",
           "where the kernel does not tell what is under way, info says so and silence ends",
           "seccomp refuses netlink in a process of its own") {
    NEEDS(!over_tcp().empty(), "is not over TCP");
    const int status = run_alone("channels over TCP where netlink is refused");
    if (status == 77) {
        SKIP_CHECK("seccomp filters are not allowed here");
    }
    CHECK(status == 0);
}
