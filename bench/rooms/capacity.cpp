// How much a child can write before it has to wait, by the size of its writes.
//
//   capacity --backends=DIR -- BACKEND...
//
// The backend's channel is opened and not started, so that nobody reads. One JSON object:
// {"BACKEND": {"1": bytes, "20": ..., ...}}; a backend that cannot be used is left out.

#include <fcntl.h>
#include <poll.h>

#include <array>
#include <vector>

#include "support/arguments.hpp"
#include "support/backend.hpp"
#include "support/process.hpp"

namespace {

using namespace fd2;
using namespace fd2::bench;

constexpr std::array<std::size_t, 6> sizes{1, 20, 80, 1024, 4096, 65536};

/// TCP takes more once what was sent has arrived: full is what stays full so long.
constexpr int patience = 50;  // milliseconds

std::uint64_t fill(int fd, std::size_t size) {
    if (::fcntl(fd, F_SETFL, O_NONBLOCK) != 0) die("fcntl");
    const std::vector<char> block(size, 'x');
    std::uint64_t total = 0;
    for (;;) {
        const ssize_t done = ::write(fd, block.data(), block.size());
        if (done > 0) {
            total += static_cast<std::uint64_t>(done);
            continue;
        }
        if (errno == EINTR) continue;
        if (errno != EAGAIN) die("write");
        pollfd writable{fd, POLLOUT, 0};
        if (::poll(&writable, 1, patience) == 0) return total;
    }
}

}  // namespace

int main(int argc, char** argv) {
    const arguments given(argc, argv);
    const fd2_sink sink{
        sizeof(fd2_sink),
        0,
        nullptr,
        [](void*, const std::uint8_t*, std::uint32_t) -> std::int32_t { return FD2_CONTINUE; },
        [](void*, std::int32_t, std::int32_t) {},
        nullptr};
    const char* separator = "{";
    for (char** name = given.command(); *name != nullptr; ++name) {
        loaded_backend backend(given.word("backends", ""), *name);
        if (!backend.usable()) continue;
        std::printf("%s\"%s\":{", separator, *name);
        separator = ",";
        for (const std::size_t size : sizes) {
            fd2_channel* const channel = backend.open(sink);
            if (channel == nullptr) die(backend.why().c_str());
            const unique_fd end = backend.take_child_end(channel);
            if (!end) die(backend.why().c_str());
            std::printf("%s\"%zu\":%llu", size == sizes[0] ? "" : ",", size,
                        static_cast<unsigned long long>(fill(end.get(), size)));
            if (backend.ops().close(channel) != FD2_OK) die("close");
        }
        std::printf("}");
    }
    std::printf("%s\n", *separator == '{' ? "{}" : "}");
}
