// The children of many channels, in one process: holds their ends, and writes a line to each in
// turn, evenly spread. For `rooms/many.cpp`, which says over fd 0 what to do (support/lines.hpp).
//
//   many_writer [--cpu=N]

#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#include <cstring>
#include <vector>

#include "base/clock.hpp"
#include "support/arguments.hpp"
#include "support/lines.hpp"
#include "support/process.hpp"

namespace {

using namespace fd2::bench;

union rights {
    cmsghdr header;
    char memory[CMSG_SPACE(rights_batch * sizeof(int))];
};

/// One order, and what came beside it. False: the other side is gone.
bool receive(order_to_write& order, std::vector<int>& ends) {
    rights control{};
    iovec part{&order, sizeof(order)};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.memory;
    message.msg_controllen = sizeof(control.memory);
    const ssize_t got = ::recvmsg(STDIN_FILENO, &message, MSG_CMSG_CLOEXEC);
    if (got < 0) die("recvmsg");
    if (got == 0) return false;
    if ((message.msg_flags & MSG_CTRUNC) != 0) {
        errno = EMFILE;
        die("recvmsg");
    }
    const cmsghdr* header = CMSG_FIRSTHDR(&message);
    if (header != nullptr) {
        const std::size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        const std::size_t known = ends.size();
        ends.resize(known + count);
        std::memcpy(&ends[known], CMSG_DATA(header), count * sizeof(int));
    }
    return true;
}

void stamp(char* line, fd2::nanoseconds_t moment) {
    for (std::size_t at = stamp_digits; at-- > 0; moment /= 10) {
        line[at] = static_cast<char>('0' + moment % 10);
    }
}

void sleep_until(fd2::nanoseconds_t moment) {
    const timespec until{static_cast<time_t>(moment / fd2::second),
                         static_cast<long>(moment % fd2::second)};
    while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
    }
}

written write_lines(const std::vector<int>& ends, const order_to_write& order) {
    char line[line_size];
    std::memset(line, '.', sizeof(line));
    line[stamp_digits] = ' ';
    line[line_size - 1] = '\n';
    const auto count = static_cast<std::int64_t>(ends.size());
    const fd2::nanoseconds_t start = fd2::now();
    fd2::nanoseconds_t present = start;
    for (std::int64_t i = 0; i < order.rounds * count; ++i) {
        const fd2::nanoseconds_t due =
            start + i / count * order.interval + i % count * order.interval / count;
        present = fd2::now();
        if (due > present) {
            sleep_until(due);
            present = fd2::now();
        }
        stamp(line, present);
        if (!write_all(ends[static_cast<std::size_t>(i % count)], line, sizeof(line))) die("write");
    }
    return {order.rounds * count, present - start};
}

}  // namespace

int main(int argc, char** argv) {
    pin(arguments(argc, argv).number("cpu", -1));
    ::prctl(PR_SET_TIMERSLACK, 1UL, 0, 0, 0);  // the lines are closer than the default slack
    std::vector<int> ends;
    for (order_to_write order{}; receive(order, ends);) {
        const written done = write_lines(ends, order);
        if (!write_all(STDIN_FILENO, &done, sizeof(done))) return 0;
    }
}
