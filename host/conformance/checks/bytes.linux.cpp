// What a child of Linux does with its stderr.
#include <fcntl.h>
#include <fd2/ext/terminal.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "conformance/check.hpp"
#include "conformance/driver.hpp"
#include "conformance/world.hpp"

using namespace fd2::conformance;

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
