// Ten thousand channels: at once on one loop, and one after the other.
#include <malloc.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>

#include "conformance/check.hpp"
#include "conformance/driver.hpp"
#include "conformance/world.hpp"

using namespace fd2::conformance;

namespace {

constexpr std::size_t batch = 250;  // SCM_MAX_FD of Linux is 253

union rights {
    cmsghdr header;
    char memory[CMSG_SPACE(batch * sizeof(int))];
};

/// Sends descriptors, one byte beside them.
bool send_rights(int over, const std::vector<int>& fds) {
    rights control{};
    char byte = 'x';
    iovec part{&byte, 1};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.memory;
    message.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
    std::memcpy(CMSG_DATA(header), fds.data(), fds.size() * sizeof(int));
    return ::sendmsg(over, &message, 0) == 1;
}

/// The second process: takes `count` descriptors, writes a line to each, and again for each byte
/// that it reads; ends with the stream. Its fd 2 is `over`.
int hold_and_write(std::size_t count) {
    static std::array<int, 100000> fds;
    std::size_t known = 0;
    for (;;) {
        rights control{};
        char byte;
        iovec part{&byte, 1};
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control.memory;
        message.msg_controllen = sizeof(control.memory);
        if (::recvmsg(2, &message, 0) != 1) return 0;
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        if (header != nullptr) {
            const std::size_t got = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            std::memcpy(&fds[known], CMSG_DATA(header), got * sizeof(int));
            known += got;
            if (known < count) continue;
        }
        for (std::size_t i = 0; i < known; ++i) {
            if (!write_all(fds[i], "one line\n", 9)) return 1;
        }
    }
}

struct counting_sink {
    std::atomic<std::uint64_t>* bytes;
    std::atomic<std::uint64_t>* ends;

    static std::int32_t on_bytes(void* ctx, const std::uint8_t*, std::uint32_t size) {
        *static_cast<counting_sink*>(ctx)->bytes += size;
        return FD2_CONTINUE;
    }
    static void on_end(void* ctx, std::int32_t reason, std::int32_t) {
        if (reason == FD2_END_EOF) ++*static_cast<counting_sink*>(ctx)->ends;
    }
};

bool reaches(const std::atomic<std::uint64_t>& value, std::uint64_t wanted) {
    const auto until = hang();
    while (value < wanted) {
        if (fd2::now() > until) return false;
        ::usleep(1000);
    }
    return true;
}

/// Whether channels that carry bytes make no more threads than one of them.
bool shares_threads(const variant& v) {
    struct carried {
        recorder into;
        std::unique_ptr<driver> channel;
        fd2::unique_fd end;
    };
    std::array<carried, 8> all;
    std::size_t of_one = 0;
    for (carried& each : all) {
        each.channel = started(v, each.into);
        each.end = each.channel->take_child_end();
        REQUIRE(write_all(each.end.get(), "x", 1));
        REQUIRE(each.into.wait_bytes(1));
        if (of_one == 0) of_one = tasks().size();
    }
    const bool shares = tasks().size() == of_one;
    for (carried& each : all) each.channel->wind_up(FD2_FINISH_NOW, each.into);
    return shares;
}

}  // namespace

CHECK_CASE(H02, must, "T6 C3", "ten thousand channels at once run on the threads of one",
           "counts threads while real writers write to all of them") {
    const auto& each = tested();
    if (!each->claims(FD2_CAP_EVENT_LOOP)) {
        if (shares_threads({each, way::thread})) note_unclaimed("EVENT_LOOP");
        SKIP_CHECK("does not claim EVENT_LOOP");
    }
    const bool eight_channels_run_on_the_threads_of_one = shares_threads({each, way::thread});
    CHECK(eight_channels_run_on_the_threads_of_one);
    if (!eight_channels_run_on_the_threads_of_one) return;
    constexpr std::size_t count = 10000;
    rlimit limit{};
    REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
    if (limit.rlim_max < count + 1000) {
        SKIP_CHECK("the hard limit of open files is " + std::to_string(limit.rlim_max));
    }
    const rlimit before = limit;
    limit.rlim_cur = limit.rlim_max;
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
    int words[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, words) == 0);
    fd2::unique_fd tell(words[0]);
    fd2::unique_fd told(words[1]);
    child holder(told.get(), [] { return hold_and_write(count); });
    told.reset();

    std::atomic<std::uint64_t> bytes{0};
    std::atomic<std::uint64_t> ends{0};
    counting_sink counter{&bytes, &ends};
    fd2_sink sink{};
    sink.struct_size = sizeof(sink);
    sink.ctx = &counter;
    sink.on_bytes = counting_sink::on_bytes;
    sink.on_end = counting_sink::on_end;
    const auto options = each->with_configured({});
    const fd2_options given{sizeof(fd2_options), static_cast<std::uint32_t>(options.size()),
                            sizeof(fd2_option), 0, options.data()};
    std::vector<fd2_channel*> channels;
    std::vector<int> ends_of_children;
    std::size_t threads_of_one = 0;
    fd2_error error = blank_error();
    int wrong = 0;
    for (std::size_t i = 0; i < count && wrong == 0; ++i) {
        fd2_channel* channel = nullptr;
        wrong += each->table().open(each->instance(), &given, &sink, &channel, &error);
        if (wrong != 0) break;
        channels.push_back(channel);
        fd2_native end = FD2_NATIVE_NONE;
        wrong += each->ops().start(channel, &error);
        wrong += each->ops().take_child_end(channel, &end, &error);
        ends_of_children.push_back(static_cast<int>(end));
        if (ends_of_children.size() == batch) {
            wrong += !send_rights(tell.get(), ends_of_children);
            for (const int fd : ends_of_children) ::close(fd);
            ends_of_children.clear();
        }
        if (i == 10) threads_of_one = tasks().size();  // more than the loops that are allowed
    }
    INFO(error.message);
    CHECK(wrong == 0);
    static_assert(count % batch == 0);
    CHECK(reaches(bytes, count * 9));
    for (int round = 0; round < 3; ++round) REQUIRE(write_all(tell.get(), "x", 1));
    CHECK(reaches(bytes, 4 * count * 9));
    CHECK(tasks().size() == threads_of_one);
    tell.reset();
    CHECK(holder.wait() == 0);
    CHECK(reaches(ends, count));
    for (fd2_channel* channel : channels) {
        wrong += each->ops().join(channel, hang()) != FD2_OK;
        wrong += each->ops().close(channel) != FD2_OK;
    }
    CHECK(wrong == 0);
    CHECK(bytes == 4 * count * 9);
    REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
}

CHECK_CASE(G29, must, "L8 L12",
           "ten thousand channels one after the other leave everything as it was",
           "compares descriptors, threads and allocated memory") {
    const auto& each = tested();
    descriptor_table open_before;
    std::size_t threads = 0;
    std::size_t allocated = 0;
    int wrong = 0;
    const std::uint64_t count = 100 + scaled(10000);
    for (std::uint64_t i = 0; i < count; ++i) {
        if (i == 100) {  // what is made once is there
            open_before = descriptors();
            threads = tasks().size();
            allocated = ::mallinfo2().uordblks;
        }
        recorder into;
        driver channel({each, way::thread}, into);
        wrong += channel.start() != FD2_OK;
        channel.take_child_end().reset();
        wrong += channel.join(hang()) != FD2_OK;
        wrong += channel.close() != FD2_OK;
    }
    CHECK(wrong == 0);
    CHECK(changed_since(open_before) == "");
    CHECK(wait_for_tasks(threads));
    CHECK(::mallinfo2().uordblks <= allocated + 16384);  // in full, not 2 bytes a channel
}
