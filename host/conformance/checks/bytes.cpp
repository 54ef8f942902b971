// What the child writes is what the host gets: every byte, once, in order.
#include <fcntl.h>
#include <fd2/ext/terminal.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <random>

#include "conformance/check.hpp"
#include "conformance/driver.hpp"
#include "conformance/world.hpp"

using namespace fd2::conformance;

namespace {

/// Sends `content` in pieces of at most `piece` bytes, up to EOF; what arrived.
void check_carried(const variant& v, const std::string& content, std::size_t piece,
                   std::uint32_t offers) {
    INFO(v << ", " << content.size() << " bytes in pieces of " << piece << ", reserving "
           << offers);
    recorder into;
    into.offers = offers;
    const auto channel = started(v, into);
    fd2::unique_fd end = channel->take_child_end();
    std::thread writer([&] {
        write_all(end.get(), content.data(), content.size(), piece);
        end.reset();
    });
    CHECK(channel->join(hang()) == FD2_OK);
    writer.join();
    CHECK(into.reason() == FD2_END_EOF);
    CHECK(into.ends() == 1);
    CHECK(into.violations() == "");
    const bool same = into.bytes() == content;  // not expanded: it would be printed
    CHECK(same);
    const auto info = channel->info();
    CHECK(info.reads >= into.calls());
    CHECK(info.short_reads <= info.reads);
    CHECK(channel->close() == FD2_OK);
}

std::string noise(std::size_t size, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::string out(size, '\0');
    for (auto& c : out) c = static_cast<char>(random());
    return out;
}

}  // namespace

CHECK_CASE(B01, must, "B1 B7", "bytes of every kind arrive as they were written",
           "writes known contents (nothing, every byte value, NULs, invalid UTF-8, control "
           "characters) and compares what on_bytes was given") {
    const auto v = each_variant();
    std::string all;
    for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
    const std::string contents[] = {
        "",
        "x",
        "\n",
        all,
        std::string(1 << 20, '\0'),
        "no newline at the end",
        "\n\n\r\n\r\f\x1b[1mbold\x1b[0m\ttab\b\a\n",
        "\x80 \xc0\xaf \xed\xa0\x80 \xff\xfe \xe2\x82",  // invalid UTF-8, and a character cut off
        std::string("before\0after\n", 13),
    };
    for (const auto& content : contents) {
        for (const std::uint32_t offers : {0u, 7u, 65536u}) {
            if (offers == 7 && content.size() > 100000) continue;  // nothing but slow
            check_carried(v, content, SIZE_MAX, offers);
        }
        if (content.size() < 1000) check_carried(v, content, 1, 0);
    }
}

CHECK_CASE(B06, must, "B1 B6", "writes and buffers around every size that matters arrive whole",
           "sizes one below, at and one above 512, 4096, 16384, 65536 and 262144, into memory of "
           "the backend's and of the host's") {
    const auto v = each_variant();
    for (const std::size_t around : {std::size_t{512}, std::size_t{4096}, std::size_t{16384},
                                     std::size_t{65536}, std::size_t{262144}}) {
        for (const std::size_t size : {around - 1, around, around + 1}) {
            check_carried(v, noise(size, size), SIZE_MAX, 0);
            check_carried(v, noise(size, size), SIZE_MAX, static_cast<std::uint32_t>(around));
        }
        check_carried(v, noise(3 * around, around), around - 1, 16384);
    }
}

CHECK_CASE(B20, must, "B1", "a hundred thousand writes of one byte arrive in order",
           "compares the stream") {
    const auto v = each_variant();
    check_carried(v, noise(100000, 9), 1, 0);
}

CHECK_CASE(B07, must, "B1 B6", "random writes into random buffers arrive in order",
           "holds 8 MiB in seeded sizes against a stream that is known at every position") {
    const auto v = each_variant();
    const auto seed = GENERATE(range(1, 4));
    INFO(v << ", seed " << seed);
    std::mt19937_64 random(static_cast<std::uint64_t>(seed));
    recorder into;
    into.offers = static_cast<std::uint32_t>(1 + random() % 100000);
    into.keeps = false;
    const auto channel = started(v, into);
    fd2::unique_fd end = channel->take_child_end();
    std::uint64_t written = 0;
    while (written < 8 * 1024 * 1024) {
        const std::size_t size = 1 + random() % (random() % 3 == 0 ? 200000 : 300);
        REQUIRE(write_pattern(end.get(), written, size, 1 + random() % 70000));
        written += size;
    }
    end.reset();
    CHECK(channel->join(hang()) == FD2_OK);
    CHECK(into.total() == written);
    CHECK(into.reason() == FD2_END_EOF);
    CHECK(into.violations() == "");
}

CHECK_CASE(B05, must, "B1 B7", "a line of 64 MiB from a real child arrives whole",
           "holds each piece against a stream that is known at every position") {
    const auto v = each_variant();
    INFO(v);
    const std::uint64_t size = scaled(64 << 20);
    recorder into;
    into.keeps = false;
    into.offers = 65536;
    const auto channel = started(v, into);
    fd2::unique_fd end = channel->take_child_end();
    child writer(end.get(), [size] { return write_pattern(2, 0, size, 65536) ? 0 : 1; });
    end.reset();
    CHECK(channel->join(hang()) == FD2_OK);
    CHECK(writer.wait() == 0);
    CHECK(into.total() == size);
    CHECK(into.reason() == FD2_END_EOF);
    CHECK(into.violations() == "");
}

CHECK_CASE(B08, must, "F1 F2", "a child that fills the object and exits at once loses nothing",
           "reaps the child first, then calls finish(drain) and counts") {
    const auto v = each_variant();
    for (int round = 0; round < 20; ++round) {
        INFO(v << ", round " << round);
        recorder into;
        into.keeps = false;
        const auto channel = started(v, into);
        const auto size = static_cast<std::uint64_t>(1 + round * 7919 % 60000);
        fd2::unique_fd end = channel->take_child_end();
        child writer(end.get(), [size] { return write_pattern(2, 0, size, 1 + size / 3) ? 0 : 1; });
        CHECK(writer.wait() == 0);
        // The host still holds its copy: nobody can have seen EOF, and everything lies there.
        CHECK(channel->finish(FD2_FINISH_DRAIN) == FD2_OK);
        CHECK(channel->join(hang()) == FD2_OK);
        CHECK(into.total() == size);
        CHECK(into.reason() == FD2_END_DRAINED);
        CHECK(into.violations() == "");
    }
}

CHECK_CASE(B12, must, "B1 L9",
           "a child may write as it likes: vectors, a non-blocking fd 2, a duplicate on fd 1",
           "a real child does, and the stream is compared") {
    const auto v = each_variant();
    INFO(v);
    recorder into;
    const auto channel = started(v, into);
    fd2::unique_fd end = channel->take_child_end();
    child writer(end.get(), [] {
        char one[] = "one ";
        char two[] = "two ";
        iovec parts[] = {{one, 4}, {two, 4}};
        if (::writev(2, parts, 2) != 8) return 1;
        if (::fcntl(2, F_SETFL, ::fcntl(2, F_GETFL) | O_NONBLOCK) != 0) return 2;
        for (int i = 0; i < 50000; ++i) {
            if (!write_all(2, "x", 1)) return 3;
        }
        if (::dup2(2, 1) != 1 || ::close(2) != 0) return 4;
        return write_all(1, " three", 6) ? 0 : 5;
    });
    end.reset();
    CHECK(channel->join(hang()) == FD2_OK);
    CHECK(writer.wait() == 0);
    const bool same = into.bytes() == "one two " + std::string(50000, 'x') + " three";
    CHECK(same);
    CHECK(into.reason() == FD2_END_EOF);
}

CHECK_CASE(H07, must, "C3",
           "records of up to PIPE_BUF bytes from many writers are not torn where that is claimed",
           "six children write records of one letter each; a record with two letters is torn") {
    const auto v = each_variant();
    if (!v.tested->claims(FD2_CAP_ATOMIC)) {
        // No number of whole records shows that none can be torn; of a pipe POSIX says it.
        if (v.tested->object() == object_kind::pipe) note_unclaimed("ATOMIC");
        SKIP_CHECK("does not claim ATOMIC");
    }
    INFO(v);
    constexpr std::size_t writers = 6;
    constexpr std::size_t records = 300;
    recorder into;
    into.offers = 5000;  // reads end in the middle of records
    const auto channel = started(v, into);
    fd2::unique_fd end = channel->take_child_end();
    {
        std::vector<std::unique_ptr<child>> children;
        for (std::size_t w = 0; w < writers; ++w) {
            children.push_back(std::make_unique<child>(end.get(), [w] {
                static char record[4096];
                for (std::size_t i = 0; i < records; ++i) {
                    const std::size_t size = 2 + (w * 911 + i * 7919) % (sizeof(record) - 1);
                    for (auto& c : record) c = static_cast<char>('a' + w);
                    record[size - 1] = '\n';
                    if (::write(2, record, size) != static_cast<ssize_t>(size)) return 1;
                }
                return 0;
            }));
        }
        end.reset();
        for (auto& each : children) CHECK(each->wait() == 0);
    }
    CHECK(channel->join(hang()) == FD2_OK);
    std::size_t torn = 0;
    std::size_t seen = 0;
    const std::string got = into.bytes();
    for (std::size_t at = 0; at < got.size(); ++seen) {
        const std::size_t newline = got.find('\n', at);
        const std::string record = got.substr(at, newline - at);
        torn += record.empty() || record.find_first_not_of(record[0]) != record.npos;
        at = newline == got.npos ? got.size() : newline + 1;
    }
    CHECK(torn == 0);
    CHECK(seen == writers * records);
}

CHECK_CASE(H10, must, "C3", "a child's fd 2 is a terminal where that is claimed, and nowhere else",
           "a real child calls isatty(2)") {
    const auto v = each_variant();
    INFO(v);
    recorder into;
    const auto channel = started(v, into);
    fd2::unique_fd end = channel->take_child_end();
    child writer(end.get(), [] { return ::isatty(2); });
    end.reset();
    CHECK(channel->join(hang()) == FD2_OK);
    const bool is_terminal = writer.wait() == 1;
    if (v.tested->claims(FD2_CAP_TTY)) {
        CHECK_SAYS("isatty(2) in the child is 1, as TTY is claimed", is_terminal);
    } else {
        CHECK_SAYS("isatty(2) in the child is 0, as TTY is not claimed", !is_terminal);
    }
}

CHECK_CASE(H19, must, "C8", "a terminal has the size that it was given",
           "a real child asks for the size of its fd 2, before the start and while it runs") {
    const auto v = each_variant();
    const auto* const terminal =
        static_cast<const fd2_terminal*>(v.tested->table().get_extension(FD2_EXT_TERMINAL));
    NEEDS(terminal != nullptr, "does not offer fd2.terminal/1");
    INFO(v);
    CHECK(v.tested->claims(FD2_CAP_TTY));
    REQUIRE(terminal->struct_size >= sizeof(fd2_terminal));
    recorder into;
    const auto channel = started(v, into);
    const fd2::unique_fd end = channel->take_child_end();
    constexpr std::uint32_t size = sizeof(fd2_terminal_size);
    constexpr std::uint16_t most = 65535;
    constexpr fd2_terminal_size some{size, 30, 101, 1010, 600};
    for (const fd2_terminal_size wanted :
         {some, {size, 0, 0, 0, 0}, {size, most, most, most, most}}) {
        CHECK(terminal->set_size(channel->raw(), &wanted, nullptr) == FD2_OK);
        child asks(end.get(), [&] {
            winsize seen{};
            if (::ioctl(2, TIOCGWINSZ, &seen) != 0) return 1;
            const bool same = seen.ws_row == wanted.rows && seen.ws_col == wanted.columns &&
                              seen.ws_xpixel == wanted.x_pixels &&
                              seen.ws_ypixel == wanted.y_pixels;
            return same ? 0 : 2;
        });
        CHECK(asks.wait() == 0);
    }
    auto error = blank_error();
    CHECK(terminal->set_size(channel->raw(), nullptr, &error) == FD2_E_INVALID);
    CHECK(error.code == FD2_E_INVALID);
    CHECK(terminal->set_size(nullptr, &some, nullptr) == FD2_E_INVALID);
    if (v.tested->handover() != nullptr) {
        fd2_carry carry{};
        REQUIRE(channel->release(carry) == FD2_OK);
        CHECK(terminal->set_size(channel->raw(), &some, nullptr) == FD2_E_STATE);
        ::close(static_cast<int>(carry.read));
        CHECK(channel->close() == FD2_OK);
        return;
    }
    channel->wind_up(FD2_FINISH_NOW, into);
    CHECK(into.violations() == "");
}

CHECK_CASE(H05, must, "C3", "a child can open /dev/stderr where that is claimed",
           "a real child opens it and writes") {
    const auto v = each_variant();
    INFO(v);
    recorder into;
    const auto channel = started(v, into);
    fd2::unique_fd end = channel->take_child_end();
    child writer(end.get(), [] {
        const int again = ::open("/dev/stderr", O_WRONLY);
        return again >= 0 && write_all(again, "here", 4) ? 0 : 1;
    });
    end.reset();
    CHECK(channel->join(hang()) == FD2_OK);
    const int came = writer.wait();
    if (!v.tested->claims(FD2_CAP_REOPENABLE)) {
        if (came == 0 && into.bytes() == "here") note_unclaimed("REOPENABLE");
        SKIP_CHECK("does not claim REOPENABLE");
    }
    CHECK(came == 0);
    CHECK(into.bytes() == "here");
}

CHECK_CASE(G03, must, "B1 B7", "however a child ends, what it wrote arrives, and then EOF",
           "real children exit with 0 and 7, and one is killed in the middle of a flood: what came "
           "of that is the beginning of what it would have written") {
    const auto v = each_variant();
    for (const int status : {0, 7}) {
        INFO(v << ", exit status " << status);
        recorder into;
        const auto channel = started(v, into);
        fd2::unique_fd end = channel->take_child_end();
        child writer(end.get(), [status] {
            return write_all(2, status == 0 ? "zero" : "seven", status == 0 ? 4 : 5) ? status : 9;
        });
        end.reset();
        CHECK(channel->join(hang()) == FD2_OK);
        CHECK(writer.wait() == status);
        CHECK(into.bytes() == (status == 0 ? "zero" : "seven"));
        CHECK(into.reason() == FD2_END_EOF);
    }
    INFO(v << ", killed");
    recorder into;
    into.keeps = false;
    const auto channel = started(v, into);
    fd2::unique_fd end = channel->take_child_end();
    child writer(end.get(), [] { return write_pattern(2, 0, UINT64_MAX, 3000) ? 0 : 1; });
    end.reset();
    REQUIRE(into.wait_bytes(200000));
    REQUIRE(::kill(writer.pid(), SIGKILL) == 0);
    CHECK(writer.wait() == 1000 + SIGKILL);
    CHECK(channel->join(hang()) == FD2_OK);
    CHECK(into.reason() == FD2_END_EOF);
    CHECK(into.violations() == "");
}

CHECK_CASE(B11, must, "B1", "of eight writers each one's bytes arrive, all of them, in its order",
           "each byte names its writer and counts; written one to five at a time") {
    const auto v = each_variant();
    INFO(v);
    constexpr std::size_t writers = 8;
    constexpr std::size_t each_writes = 20000;
    recorder into;
    const auto channel = started(v, into);
    fd2::unique_fd end = channel->take_child_end();
    std::vector<std::unique_ptr<child>> children;
    for (std::size_t w = 0; w < writers; ++w) {
        children.push_back(std::make_unique<child>(end.get(), [w] {
            char bytes[5];
            for (std::size_t at = 0; at < each_writes;) {
                const std::size_t size = std::min(1 + (w + at) % 5, each_writes - at);
                for (std::size_t i = 0; i < size; ++i) {
                    bytes[i] = static_cast<char>((w + 1) << 4U | ((at + i) & 15U));
                }
                if (!write_all(2, bytes, size)) return 1;
                at += size;
            }
            return 0;
        }));
    }
    end.reset();
    CHECK(channel->join(hang()) == FD2_OK);
    for (auto& one : children) CHECK(one->wait() == 0);
    std::size_t seen[writers + 1] = {};
    std::size_t wrong = 0;
    for (const char byte : into.bytes()) {
        const auto value = static_cast<unsigned char>(byte);
        const std::size_t w = value >> 4U;
        if (w < 1 || w > writers || (value & 15U) != (seen[w] & 15U)) {
            ++wrong;
        } else {
            ++seen[w];
        }
    }
    CHECK(wrong == 0);
    CHECK(into.total() == writers * each_writes);
    CHECK(into.reason() == FD2_END_EOF);
}

CHECK_CASE(B13, must, "B1 L9", "flags that a child sets on its fd 2 change nothing for the reader",
           "a real child sets O_APPEND, O_ASYNC and an owner, and O_NONBLOCK on and off, between "
           "writes") {
    const auto v = each_variant();
    INFO(v);
    recorder into;
    const auto channel = started(v, into);
    fd2::unique_fd end = channel->take_child_end();
    child writer(end.get(), [] {
        (void)::signal(SIGIO, SIG_IGN);
        for (const int flags : {0, O_APPEND, O_NONBLOCK, O_ASYNC, O_APPEND | O_NONBLOCK, 0}) {
            (void)::fcntl(2, F_SETOWN, ::getpid());
            (void)::fcntl(2, F_SETFL, flags);  // not every object takes each of them
            if (!write_all(2, "async ", 6)) return 1;
        }
        return 0;
    });
    end.reset();
    CHECK(channel->join(hang()) == FD2_OK);
    CHECK(writer.wait() == 0);
    CHECK(into.bytes() == "async async async async async async ");
    CHECK(into.reason() == FD2_END_EOF);
}

CHECK_CASE(B14, must, "B1 B7", "an end that a child passed on is a writer like any other",
           "a real child sends its fd 2 to another process and exits; that one writes, and only "
           "its end is EOF") {
    const auto v = each_variant();
    INFO(v);
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    int words[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, words) == 0);
    const fd2::unique_fd ours(words[0]);
    const fd2::unique_fd theirs(words[1]);
    const auto message_of = [&control](iovec& part) {
        msghdr message{};
        message.msg_iov = &part;
        message.msg_iovlen = 1;
        message.msg_control = control;
        message.msg_controllen = sizeof(control);
        return message;
    };
    recorder into;
    const auto channel = started(v, into);
    fd2::unique_fd end = channel->take_child_end();
    const fd2::unique_fd null(::open("/dev/null", O_WRONLY | O_CLOEXEC));
    // Each has its end of the pair as fd 1; nothing else is left in it.
    const fd2::unique_fd keep_out(::dup(1));
    REQUIRE(::dup2(theirs.get(), 1) == 1);
    child heir(null.get(), [&] {
        char byte = 0;
        iovec part{&byte, 1};
        msghdr message = message_of(part);
        if (::recvmsg(1, &message, 0) != 1 || CMSG_FIRSTHDR(&message) == nullptr) return 1;
        int got = -1;
        std::memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(got));
        if (::read(1, &byte, 1) != 1) return 2;  // the first one has gone
        return write_all(got, "passed", 6) ? 0 : 3;
    });
    REQUIRE(::dup2(ours.get(), 1) == 1);
    child giver(end.get(), [&] {
        if (!write_all(2, "first ", 6)) return 1;
        char byte = 'x';
        iovec part{&byte, 1};
        msghdr message = message_of(part);
        cmsghdr* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        const int own = 2;
        std::memcpy(CMSG_DATA(header), &own, sizeof(own));
        return ::sendmsg(1, &message, 0) == 1 ? 0 : 2;
    });
    REQUIRE(::dup2(keep_out.get(), 1) == 1);
    end.reset();
    CHECK(giver.wait() == 0);
    CHECK(into.wait_bytes(6));
    CHECK(into.ends() == 0);
    REQUIRE(::write(ours.get(), "g", 1) == 1);
    CHECK(heir.wait() == 0);
    CHECK(channel->join(hang()) == FD2_OK);
    CHECK(into.bytes() == "first passed");
    CHECK(into.reason() == FD2_END_EOF);
}

CHECK_CASE(B17, must, "B7", "a child that shuts its socket down for writing ends the stream",
           "a real child does, and lives on: nobody can write any more") {
    const auto v = each_variant();
    const auto object = v.tested->object();
    NEEDS(object == object_kind::unix_stream || object == object_kind::tcp,
          "is neither a Unix stream socket nor TCP");
    INFO(v);
    recorder into;
    const auto channel = started(v, into);
    const fd2::unique_fd end = channel->take_child_end();
    child writer(end.get(), [] {
        if (!write_all(2, "half", 4) || ::shutdown(2, SHUT_WR) != 0) return 1;
        for (;;) ::pause();
        return 0;
    });
    CHECK(channel->join(hang()) == FD2_OK);
    CHECK(into.bytes() == "half");
    CHECK(into.reason() == FD2_END_EOF);
    CHECK(into.violations() == "");
}

CHECK_CASE(T06, must, "B1", "a child that is stopped and goes on loses nothing",
           "a real child stops itself in the middle of a stream, until the reader is idle") {
    const auto v = each_variant();
    INFO(v);
    constexpr std::uint64_t size = 400000;
    recorder into;
    into.keeps = false;
    const auto channel = started(v, into);
    fd2::unique_fd end = channel->take_child_end();
    child writer(end.get(), [] {
        if (!write_pattern(2, 0, size / 2, 100)) return 1;
        (void)::kill(::getpid(), SIGSTOP);
        return write_pattern(2, size / 2, size / 2, 100) ? 0 : 2;
    });
    end.reset();
    siginfo_t stopped{};
    REQUIRE(::waitid(P_PID, static_cast<id_t>(writer.pid()), &stopped, WSTOPPED) == 0);
    REQUIRE(into.wait_bytes(size / 2));
    settle(*channel);
    REQUIRE(::kill(writer.pid(), SIGCONT) == 0);
    CHECK(channel->join(hang()) == FD2_OK);
    CHECK(writer.wait() == 0);
    CHECK(into.total() == size);
    CHECK(into.reason() == FD2_END_EOF);
    CHECK(into.violations() == "");
}

CHECK_CASE(B26, must, "L1", "no byte flows before start, and none that was written then is lost",
           "writes first, looks at the sink and the counters, and starts") {
    const auto v = each_variant();
    INFO(v);
    recorder into;
    driver channel(v, into);
    REQUIRE(channel.code() == FD2_OK);
    const auto end = channel.take_child_end();
    REQUIRE(write_all(end.get(), "early", 5));
    wait_for_quiet();
    CHECK(into.calls() == 0);
    CHECK(channel.info().reads == 0);
    REQUIRE(channel.start() == FD2_OK);
    CHECK(into.wait_bytes(5));
    channel.wind_up(FD2_FINISH_DRAIN, into);
    CHECK(into.bytes() == "early");
}
