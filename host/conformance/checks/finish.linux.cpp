// What writers that remain see of the end.
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>

#include "conformance/check.hpp"
#include "conformance/driver.hpp"
#include "conformance/world.hpp"

using namespace fd2::conformance;

CHECK_CASE(H04, must, "F8 C3",
           "remaining writers see no EPIPE while the channel is open, where that is claimed",
           "a real grandchild writes after the end and reports its errno") {
    const auto v = each_variant();
    INFO(v);
    recorder into;
    const auto channel = started(v, into);
    fd2::unique_fd end = channel->take_child_end();
    int order[2];
    REQUIRE(::pipe(order) == 0);
    const fd2::unique_fd tell(order[1]);
    const fd2::unique_fd told(order[0]);
    // A holder that writes when told: the pipe to tell it is its fd 1.
    const fd2::unique_fd keep_out(::dup(1));
    REQUIRE(::dup2(told.get(), 1) == 1);
    child holder(end.get(), [] {
        char go;
        // Ignored at first: a SIGPIPE of the first write must not look like one of the second.
        (void)::signal(SIGPIPE, SIG_IGN);
        if (::read(1, &go, 1) != 1 || ::write(2, "late", 4) != 4) return 1;
        (void)::signal(SIGPIPE, SIG_DFL);
        if (::read(1, &go, 1) != 1) return 2;
        for (int i = 0; i < 2; ++i) (void)!::write(2, "too late", 8);  // TCP says ECONNRESET first
        return errno == EIO ? 4 : 3;
    });
    REQUIRE(::dup2(keep_out.get(), 1) == 1);
    end.reset();
    CHECK(channel->finish(FD2_FINISH_DRAIN) == FD2_OK);
    CHECK(channel->join(hang()) == FD2_OK);
    REQUIRE(write_all(tell.get(), "1", 1));
    // It has written, and lives, when it waits for the second word.
    int unread = 1;
    const auto until = hang();
    while (unread != 0 && fd2::now() < until) {
        REQUIRE(::ioctl(told.get(), FIONREAD, &unread) == 0);
        std::this_thread::yield();
    }
    wait_for_quiet();
    CHECK(channel->close() == FD2_OK);
    REQUIRE(write_all(tell.get(), "2", 1));
    const int came = holder.wait();
    const bool kept = came != 1 && came != 2 && into.reason() == FD2_END_DRAINED;
    if (!v.tested->claims(FD2_CAP_KEEPS_WRITERS)) {
        if (kept) note_unclaimed("KEEPS_WRITERS");
        SKIP_CHECK("does not claim KEEPS_WRITERS");
    }
    CHECK(into.reason() == FD2_END_DRAINED);
    CHECK_SAYS("the write before the close succeeds", (came != 1 && came != 2));
    // What a writer gets once nobody reads any more: a terminal sends no signal.
    const auto object = v.tested->object();
    if (object == object_kind::terminal) {
        CHECK_SAYS("a write after the close fails with EIO", came == 4);
    } else if (object != object_kind::other) {
        CHECK_SAYS("a write after the close gets SIGPIPE: nothing holds the read end any more",
                   came == 1000 + SIGPIPE);
    }
    CHECK(into.total() == 0);  // nothing was delivered after the end
    CHECK(into.violations() == "");
}
